//! Cipher suites: which algorithms a session is made of (v2.0§22.15.2, table 22-20).

use std::fmt;

use ipmi_wire::rakp::{
    AuthenticationAlgorithm, ConfidentialityAlgorithm, IntegrityAlgorithm, Proposal, Status,
};
use ring::hmac;

/// A cipher suite that this endpoint can speak.
///
/// Suites without integrity or confidentiality (0, 1, 2, 15, 16) and those of MD5 and RC4 are deliberately absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CipherSuite {
    /// Suite 3: RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128.
    Three,
    /// Suite 17: RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    Seventeen,
}

impl CipherSuite {
    /// The suite with the specification's number `id`, where it is one that is spoken here.
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            3 => Some(Self::Three),
            17 => Some(Self::Seventeen),
            _ => None,
        }
    }

    /// The specification's number of the suite.
    pub const fn id(self) -> u8 {
        match self {
            Self::Three => 3,
            Self::Seventeen => 17,
        }
    }

    pub(crate) const fn authentication(self) -> AuthenticationAlgorithm {
        match self {
            Self::Three => AuthenticationAlgorithm::RAKP_HMAC_SHA1,
            Self::Seventeen => AuthenticationAlgorithm::RAKP_HMAC_SHA256,
        }
    }

    pub(crate) const fn integrity(self) -> IntegrityAlgorithm {
        match self {
            Self::Three => IntegrityAlgorithm::HMAC_SHA1_96,
            Self::Seventeen => IntegrityAlgorithm::HMAC_SHA256_128,
        }
    }

    pub(crate) const fn confidentiality(self) -> ConfidentialityAlgorithm {
        ConfidentialityAlgorithm::AES_CBC_128
    }

    /// All three algorithms, as an Open Session Response names them.
    pub(crate) const fn agreed(self) -> Proposal {
        Proposal {
            authentication: Some(self.authentication()),
            integrity: Some(self.integrity()),
            confidentiality: Some(self.confidentiality()),
        }
    }

    pub(crate) fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Three => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Seventeen => hmac::HMAC_SHA256,
        }
    }

    /// Length in bytes of an AuthCode, and of the integrity check value of RAKP message 4 (v2.0§13.28.1, §13.28.4).
    pub(crate) const fn code_length(self) -> usize {
        match self {
            Self::Three => 12,
            Self::Seventeen => 16,
        }
    }

    /// Which of `offered` a proposal means; the strongest where it leaves a choice. The status says what does not fit.
    pub(crate) fn select(offered: &[Self], proposal: &Proposal) -> Result<Self, Status> {
        let fits = |matches: &dyn Fn(Self) -> bool, status| {
            if offered.iter().any(|suite| matches(*suite)) { Ok(()) } else { Err(status) }
        };
        let authentication =
            |suite: Self| proposal.authentication.is_none_or(|algorithm| algorithm == suite.authentication());
        let integrity =
            |suite: Self| proposal.integrity.is_none_or(|algorithm| algorithm == suite.integrity());
        let confidentiality = |suite: Self| {
            proposal.confidentiality.is_none_or(|algorithm| algorithm == suite.confidentiality())
        };
        fits(&authentication, Status::INVALID_AUTHENTICATION_ALGORITHM)?;
        fits(&integrity, Status::INVALID_INTEGRITY_ALGORITHM)?;
        fits(&confidentiality, Status::INVALID_CONFIDENTIALITY_ALGORITHM)?;
        let all = |suite: &Self| authentication(*suite) && integrity(*suite) && confidentiality(*suite);
        offered.iter().copied().filter(all).max().ok_or(Status::NO_CIPHER_SUITE_MATCH)
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[CipherSuite] = &[CipherSuite::Seventeen, CipherSuite::Three];
    const ANY: Proposal = Proposal { authentication: None, integrity: None, confidentiality: None };

    #[test]
    fn a_proposal_selects_its_suite_and_a_free_choice_the_strongest() {
        for suite in BOTH {
            assert_eq!(CipherSuite::select(BOTH, &suite.agreed()), Ok(*suite));
            assert_eq!(CipherSuite::from_id(suite.id()), Some(*suite));
        }
        assert_eq!(CipherSuite::select(BOTH, &ANY), Ok(CipherSuite::Seventeen));
    }

    #[test]
    fn what_does_not_fit_has_its_own_status() {
        let seventeen = CipherSuite::Seventeen.agreed();
        let only = &[CipherSuite::Seventeen];
        let select = |proposal| CipherSuite::select(only, &proposal).err();
        assert_eq!(select(CipherSuite::Three.agreed()), Some(Status::INVALID_AUTHENTICATION_ALGORITHM));
        let none = Some(AuthenticationAlgorithm::NONE);
        assert_eq!(
            select(Proposal { authentication: none, ..seventeen }),
            Some(Status::INVALID_AUTHENTICATION_ALGORITHM)
        );
        let none = Some(IntegrityAlgorithm::NONE);
        assert_eq!(
            select(Proposal { integrity: none, ..seventeen }),
            Some(Status::INVALID_INTEGRITY_ALGORITHM)
        );
        let none = Some(ConfidentialityAlgorithm::NONE);
        assert_eq!(
            select(Proposal { confidentiality: none, ..seventeen }),
            Some(Status::INVALID_CONFIDENTIALITY_ALGORITHM)
        );
        let mixed = Proposal { integrity: CipherSuite::Three.agreed().integrity, ..seventeen };
        assert_eq!(CipherSuite::select(BOTH, &mixed), Err(Status::NO_CIPHER_SUITE_MATCH));
    }
}
