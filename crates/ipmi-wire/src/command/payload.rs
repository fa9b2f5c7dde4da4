//! Payloads of a session: activation, deactivation, encryption (v2.0§24.1-§24.3), which the LAN channel answers itself.

use super::{Access, Command};
use crate::{
    CompletionCode, NetFn, Privilege,
    codec::{Decode, Encode, Reader},
    rmcp_plus::PayloadType,
};

/// A payload type and which instance of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadInstance {
    /// The kind of payload.
    pub payload_type: PayloadType,
    /// Which one of that kind, 1 to 15.
    pub instance: u8,
}

impl Decode for PayloadInstance {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [kind, instance] = reader.array()?;
        let payload_type = PayloadType::new(kind & 0x3F).ok_or(CompletionCode::INVALID_DATA_FIELD)?;
        match instance & 0x0F {
            // Reserved (v2.0§24.1).
            0 => Err(CompletionCode::INVALID_DATA_FIELD),
            instance => Ok(Self { payload_type, instance }),
        }
    }
}

impl Encode for PayloadInstance {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.payload_type.value(), self.instance & 0x0F]);
    }
}

/// Activate Payload (v2.0§24.1).
#[derive(Debug, Clone, Copy)]
pub struct ActivatePayload;

impl ActivatePayload {
    /// The instance is active on another session.
    pub const ALREADY_ACTIVE: CompletionCode = CompletionCode(0x80);
    /// The payload type is disabled.
    pub const DISABLED: CompletionCode = CompletionCode(0x81);
    /// As many instances as possible are active.
    pub const LIMIT_REACHED: CompletionCode = CompletionCode(0x82);
    /// The payload cannot be activated with encryption.
    pub const NOT_WITH_ENCRYPTION: CompletionCode = CompletionCode(0x83);
    /// The payload cannot be activated without encryption.
    pub const NOT_WITHOUT_ENCRYPTION: CompletionCode = CompletionCode(0x84);
}

impl Command for ActivatePayload {
    const NET_FN: NetFn = NetFn::APP;
    const CMD: u8 = 0x48;
    const NAME: &'static str = "Activate Payload";
    // What each payload type needs beyond it is configured (v2.0§24.1).
    const ACCESS: Access = Access::AtLeast(Privilege::User);
    type Request = ActivatePayloadRequest;
    type Response = ActivatedPayload;
}

/// Request of [`ActivatePayload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivatePayloadRequest {
    /// Which one.
    pub payload: PayloadInstance,
    /// Four bytes of the payload type's own; of SOL see [`SolActivation`].
    pub auxiliary: [u8; 4],
}

impl Decode for ActivatePayloadRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { payload: PayloadInstance::decode(reader)?, auxiliary: reader.array()? })
    }
}

impl Encode for ActivatePayloadRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        self.payload.encode(out);
        out.extend(self.auxiliary);
    }
}

/// The auxiliary request data of SOL (v2.0 table 24-2), one byte of four; the others are reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SolActivation(pub u8);

impl SolActivation {
    /// What the four bytes ask for.
    pub const fn new([first, ..]: [u8; 4]) -> Self {
        Self(first)
    }

    /// Whether packets of the payload shall be encrypted.
    pub const fn encrypted(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// Whether packets of the payload shall be authenticated.
    pub const fn authenticated(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Whether test mode is wanted, where status tells of the handshake lines.
    pub const fn test_mode(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// Whether CTS and DCD/DSR stay deasserted until the console's first packet.
    pub const fn lines_deasserted(self) -> bool {
        self.0 & 0x02 != 0
    }
}

/// Response of [`ActivatePayload`]: 12 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivatedPayload {
    /// Four bytes of the payload type's own; of SOL bit 0 of the first is "test mode".
    pub auxiliary: [u8; 4],
    /// The longest payload towards the BMC in bytes, without what encryption adds.
    pub inbound_size: u16,
    /// The longest payload from the BMC.
    pub outbound_size: u16,
    /// The UDP port that the payload goes over.
    pub port: u16,
    /// The VLAN, or [`ActivatedPayload::NO_VLAN`].
    pub vlan: u16,
}

impl ActivatedPayload {
    /// VLAN addressing is not used.
    pub const NO_VLAN: u16 = 0xFFFF;
}

impl Decode for ActivatedPayload {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self {
            auxiliary: reader.array()?,
            inbound_size: reader.u16()?,
            outbound_size: reader.u16()?,
            port: reader.u16()?,
            vlan: reader.u16()?,
        })
    }
}

impl Encode for ActivatedPayload {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.auxiliary);
        for field in [self.inbound_size, self.outbound_size, self.port, self.vlan] {
            out.extend(field.to_le_bytes());
        }
    }
}

/// Deactivate Payload (v2.0§24.2).
#[derive(Debug, Clone, Copy)]
pub struct DeactivatePayload;

impl DeactivatePayload {
    /// The instance is not active.
    pub const ALREADY_DEACTIVATED: CompletionCode = CompletionCode(0x80);
    /// The payload type is disabled.
    pub const DISABLED: CompletionCode = CompletionCode(0x81);
}

impl Command for DeactivatePayload {
    const NET_FN: NetFn = NetFn::APP;
    const CMD: u8 = 0x49;
    const NAME: &'static str = "Deactivate Payload";
    const ACCESS: Access = Access::AtLeast(Privilege::User);
    type Request = DeactivatePayloadRequest;
    type Response = ();
}

/// Request of [`DeactivatePayload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeactivatePayloadRequest {
    /// Which one.
    pub payload: PayloadInstance,
    /// Four bytes of the payload type's own; reserved for SOL.
    pub auxiliary: [u8; 4],
}

impl Decode for DeactivatePayloadRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { payload: PayloadInstance::decode(reader)?, auxiliary: reader.array()? })
    }
}

impl Encode for DeactivatePayloadRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        self.payload.encode(out);
        out.extend(self.auxiliary);
    }
}

/// Suspend/Resume Payload Encryption (v2.0§24.3).
#[derive(Debug, Clone, Copy)]
pub struct SuspendResumePayloadEncryption;

impl SuspendResumePayloadEncryption {
    /// The operation does not exist for this payload type.
    pub const NOT_SUPPORTED: CompletionCode = CompletionCode(0x80);
    /// The configuration forbids it.
    pub const NOT_ALLOWED: CompletionCode = CompletionCode(0x81);
    /// The session that the payload is active on has no encryption.
    pub const NO_ENCRYPTION: CompletionCode = CompletionCode(0x82);
    /// The instance is not active.
    pub const NOT_ACTIVE: CompletionCode = CompletionCode(0x83);
}

impl Command for SuspendResumePayloadEncryption {
    const NET_FN: NetFn = NetFn::APP;
    const CMD: u8 = 0x55;
    const NAME: &'static str = "Suspend/Resume Payload Encryption";
    const ACCESS: Access = Access::AtLeast(Privilege::User);
    type Request = PayloadEncryptionRequest;
    type Response = ();
}

/// Request of [`SuspendResumePayloadEncryption`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadEncryptionRequest {
    /// Which one.
    pub payload: PayloadInstance,
    /// What to do.
    pub operation: EncryptionOperation,
}

/// What becomes of a payload's encryption. Five bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionOperation {
    /// Send and take the payload in clear.
    Suspend,
    /// Encrypt it again.
    Resume,
    /// Begin a new key stream, of xRC4 alone.
    RegenerateVector,
}

impl Decode for PayloadEncryptionRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let payload = PayloadInstance::decode(reader)?;
        let operation = match reader.u8()? & 0x1F {
            0 => EncryptionOperation::Suspend,
            1 => EncryptionOperation::Resume,
            2 => EncryptionOperation::RegenerateVector,
            _ => return Err(CompletionCode::INVALID_DATA_FIELD),
        };
        Ok(Self { payload, operation })
    }
}

impl Encode for PayloadEncryptionRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        self.payload.encode(out);
        out.push(self.operation as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOL_1: PayloadInstance = PayloadInstance { payload_type: PayloadType::SOL, instance: 1 };

    reads_back! {
        an_activation_reads_back: ActivatePayloadRequest;
        a_deactivation_reads_back: DeactivatePayloadRequest;
        an_activated_payload_reads_back: ActivatedPayload;
        an_encryption_request_reads_back: PayloadEncryptionRequest;
    }

    #[test]
    fn what_ipmitool_sends_to_activate_is_an_encrypted_authenticated_first_instance() {
        let request = ActivatePayloadRequest::from_bytes(&[0x01, 0x01, 0xC6, 0, 0, 0]).unwrap();
        let wanted = SolActivation::new(request.auxiliary);
        assert_eq!(request.payload, SOL_1);
        assert!(wanted.encrypted() && wanted.authenticated() && wanted.lines_deasserted());
        assert!(!wanted.test_mode());
    }

    #[test]
    fn the_answer_to_an_activation_has_twelve_bytes() {
        let answer = ActivatedPayload {
            auxiliary: [0; 4],
            inbound_size: 255,
            outbound_size: 0x0102,
            port: 623,
            vlan: ActivatedPayload::NO_VLAN,
        };
        assert_eq!(answer.to_bytes(), [0, 0, 0, 0, 0xFF, 0, 2, 1, 0x6F, 2, 0xFF, 0xFF]);
    }

    #[test]
    fn instance_0_is_reserved() {
        let invalid = Err(CompletionCode::INVALID_DATA_FIELD);
        assert_eq!(ActivatePayloadRequest::from_bytes(&[1, 0, 0, 0, 0, 0]), invalid);
        assert_eq!(PayloadEncryptionRequest::from_bytes(&[1, 0x10, 0]).map(|_| ()), invalid.map(|_| ()));
    }

    #[test]
    fn an_encryption_operation_beyond_the_specified_ones_is_refused() {
        let operation = |byte| PayloadEncryptionRequest::from_bytes(&[1, 1, byte]).map(|read| read.operation);
        assert_eq!(operation(0), Ok(EncryptionOperation::Suspend));
        assert_eq!(operation(1), Ok(EncryptionOperation::Resume));
        assert_eq!(operation(2), Ok(EncryptionOperation::RegenerateVector));
        assert_eq!(operation(3), Err(CompletionCode::INVALID_DATA_FIELD));
    }
}
