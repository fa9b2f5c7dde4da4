//! Activate Payload, Deactivate Payload and Suspend/Resume Payload Encryption (v2.0§24.1-§24.3), for SOL.

use std::time::Instant;

use ipmi_wire::{
    CompletionCode,
    codec::{Decode, Encode},
    command::payload::{
        ActivatePayload, ActivatePayloadRequest, ActivatedPayload, DeactivatePayload,
        DeactivatePayloadRequest, EncryptionOperation, PayloadEncryptionRequest, PayloadInstance,
        SolActivation, SuspendResumePayloadEncryption,
    },
    rmcp_plus::PayloadType,
};

use super::{Machine, Sol, Taken};
use crate::{Event, SessionRef, SolClose, SolParameters, SolSummary, endpoint::Endpoint, session::Session};

/// The longest payload that a client is asked to send. It can count that many characters without the header (ipmitool does): as many
/// as can be acknowledged at once.
const INBOUND_SIZE: u16 = 255;
/// The longest payload that is sent. With every header and trailer it stays far below the 576 bytes that any network carries.
const OUTBOUND_SIZE: u16 = INBOUND_SIZE + 4;

type Reply = Result<Vec<u8>, CompletionCode>;

impl Sol {
    /// What others may know of it.
    pub(crate) fn summary(&self, session: &Session) -> SolSummary {
        SolSummary {
            instance: self.instance,
            session: session.summary(),
            encrypted: self.encrypted,
            opened: self.opened,
            received: self.machine.receiver.received,
            acknowledged: self.machine.sender.acknowledged,
        }
    }
}

impl Endpoint {
    pub(crate) fn activate_payload(
        &mut self,
        now: Instant,
        data: &[u8],
        session: Option<SessionRef>,
    ) -> Reply {
        let request = ActivatePayloadRequest::from_bytes(data)?;
        let session = session.ok_or(CompletionCode::INSUFFICIENT_PRIVILEGE)?;
        let wanted = SolActivation::new(request.auxiliary);
        self.may_activate(session, request.payload, wanted)?;
        self.close_sol(session.id, SolClose::Requested);
        let session = self.session_mut(session.id).ok_or(CompletionCode::UNSPECIFIED)?;
        let sol = Sol {
            instance: request.payload.instance,
            with_encryption: wanted.encrypted(),
            encrypted: wanted.encrypted(),
            opened: now,
            machine: Machine::new(),
        };
        let summary = sol.summary(session);
        session.sol = Some(sol);
        (session.sol_farewell, session.sol_taken) = (false, None);
        for taken in self.sessions.iter_mut().filter_map(|other| other.sol_taken.as_mut()) {
            taken.activating |= taken.instance == request.payload.instance;
        }
        self.tell(Event::SolOpened(summary));
        Ok(ActivatedPayload {
            // Test mode is not offered: its bit stays clear.
            auxiliary: [0; 4],
            inbound_size: INBOUND_SIZE,
            outbound_size: OUTBOUND_SIZE,
            port: self.settings.sol.port,
            vlan: ActivatedPayload::NO_VLAN,
        }
        .to_bytes())
    }

    /// Whether a session may activate an instance now.
    fn may_activate(
        &self,
        session: SessionRef,
        payload: PayloadInstance,
        wanted: SolActivation,
    ) -> Result<(), CompletionCode> {
        let parameters = &self.settings.sol;
        self.has_sol_right(session, payload, ActivatePayload::DISABLED)?;
        if payload.instance > parameters.instances {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        let unencrypted = parameters.force_encryption && !wanted.encrypted();
        let unauthenticated = parameters.force_authentication && !wanted.authenticated();
        if unencrypted || unauthenticated {
            return Err(ActivatePayload::NOT_WITHOUT_ENCRYPTION);
        }
        let active = self.sessions.iter().find_map(|other| {
            let sol = other.sol.as_ref()?;
            (other.id == session.id || sol.instance == payload.instance).then_some((other.id, sol.instance))
        });
        match active {
            Some((id, _)) if id != session.id => Err(ActivatePayload::ALREADY_ACTIVE),
            Some((_, instance)) if instance != payload.instance => Err(ActivatePayload::LIMIT_REACHED),
            // Activated anew, by a client that lost its state.
            _ => Ok(()),
        }
    }

    /// Whether the configuration and the user's rights let a session use SOL at all; `disabled` where they do not.
    fn has_sol_right(
        &self,
        session: SessionRef,
        payload: PayloadInstance,
        disabled: CompletionCode,
    ) -> Result<(), CompletionCode> {
        if payload.payload_type != PayloadType::SOL || !self.settings.sol.enabled {
            return Err(disabled);
        }
        if session.privilege < self.settings.sol.privilege {
            return Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
        }
        let allowed = self.users.iter().any(|user| user.slot == session.user_slot && user.sol);
        if allowed { Ok(()) } else { Err(disabled) }
    }

    pub(crate) fn deactivate_payload(&mut self, data: &[u8], session: Option<SessionRef>) -> Reply {
        let request = DeactivatePayloadRequest::from_bytes(data)?;
        let session = session.ok_or(CompletionCode::INSUFFICIENT_PRIVILEGE)?;
        let holder = self.sol_holder(request.payload);
        // Who is done with SOL need not hear who has it next.
        self.session_mut(session.id).into_iter().for_each(|session| session.sol_taken = None);
        // The own one can be ended whatever has become of the right to have one.
        if holder != Some(session.id) {
            self.has_sol_right(session, request.payload, DeactivatePayload::DISABLED)?;
        }
        let holder = holder.ok_or(DeactivatePayload::ALREADY_DEACTIVATED)?;
        let reason = if holder == session.id { SolClose::Requested } else { SolClose::ByOther(session.id) };
        self.close_sol(holder, reason);
        Ok(Vec::new())
    }

    /// The session that has a payload active.
    fn sol_holder(&self, payload: PayloadInstance) -> Option<u32> {
        let has =
            |session: &&Session| session.sol.as_ref().is_some_and(|sol| sol.instance == payload.instance);
        self.sessions
            .iter()
            .find(has)
            .filter(|_| payload.payload_type == PayloadType::SOL)
            .map(|session| session.id)
    }

    pub(crate) fn payload_encryption(&mut self, data: &[u8], session: Option<SessionRef>) -> Reply {
        type Code = SuspendResumePayloadEncryption;
        let request = PayloadEncryptionRequest::from_bytes(data)?;
        let session = session.ok_or(CompletionCode::INSUFFICIENT_PRIVILEGE)?;
        if request.payload.payload_type != PayloadType::SOL
            || request.operation == EncryptionOperation::RegenerateVector
        {
            return Err(Code::NOT_SUPPORTED);
        }
        let forced = self.settings.sol.force_encryption;
        let of_this = |sol: &&mut Sol| sol.instance == request.payload.instance;
        let session = self.session_mut(session.id).ok_or(CompletionCode::UNSPECIFIED)?;
        let sol = session.sol.as_mut().filter(of_this).ok_or(Code::NOT_ACTIVE)?;
        if !sol.with_encryption {
            return Err(Code::NOT_ALLOWED);
        }
        let encrypted = request.operation == EncryptionOperation::Resume;
        if !encrypted && forced {
            return Err(Code::NOT_ALLOWED);
        }
        sol.encrypted = encrypted;
        Ok(Vec::new())
    }

    /// Ends the SOL of a session, if it has one, and has its client told unless that asked for it.
    pub(crate) fn close_sol(&mut self, session_id: u32, reason: SolClose) {
        let Some(session) = self.session_mut(session_id) else { return };
        let Some(sol) = session.sol.take() else { return };
        session.sol_farewell = reason != SolClose::Requested;
        session.sol_taken = matches!(reason, SolClose::ByOther(_) | SolClose::Local)
            .then_some(Taken { instance: sol.instance, activating: false });
        let summary = sol.summary(session);
        self.tell(Event::SolClosed(summary, reason));
    }

    /// Ends the SOL of sessions that may not have it any more.
    pub(crate) fn end_sol_without_right(&mut self, reason: SolClose) {
        let mut ended = Vec::new();
        for session in &self.sessions {
            let Some(sol) = &session.sol else { continue };
            let payload = PayloadInstance { payload_type: PayloadType::SOL, instance: sol.instance };
            // A client may operate at less than it may have.
            let at_most = SessionRef { privilege: session.max_privilege, ..session.reference() };
            let right = self.has_sol_right(at_most, payload, ActivatePayload::DISABLED);
            let in_clear = self.settings.sol.force_encryption && !sol.encrypted;
            if right.is_err() || in_clear || sol.instance > self.settings.sol.instances {
                ended.push(session.id);
            }
        }
        ended.into_iter().for_each(|id| self.close_sol(id, reason));
    }

    /// Replaces the SOL configuration. Instances end that it no longer allows.
    pub fn set_sol_parameters(&mut self, parameters: SolParameters) {
        self.settings.sol = parameters;
        self.end_sol_without_right(SolClose::Configuration);
    }

    /// Ends instance `instance` of SOL, whatever session has it; whether one had.
    pub fn deactivate_sol(&mut self, instance: u8) -> bool {
        let holder = self.sol_holder(PayloadInstance { payload_type: PayloadType::SOL, instance });
        holder.into_iter().for_each(|id| self.close_sol(id, SolClose::Local));
        holder.is_some()
    }

    /// The active instances.
    pub fn sol_instances(&self) -> impl Iterator<Item = SolSummary> {
        self.sessions.iter().filter_map(|session| Some(session.sol.as_ref()?.summary(session)))
    }
}
