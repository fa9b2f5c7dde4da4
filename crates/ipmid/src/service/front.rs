//! From a call to its reply, whichever way it came: over the bus or over a direct line.

use bmc_daemon::{Channel, ChannelMedium};
use bmc_dbus::execute::{Call, Options, Reply};
use ipmi_wire::{CompletionCode, Lun, Privilege};

use super::channel_owners::ChannelOwners;
use crate::{
    dispatch::{Caller, Request, dispatch},
    ipmid::Ipmid,
};

/// The handlers and who may call them.
pub(super) struct Front {
    ipmid: Ipmid,
    owners: ChannelOwners,
}

impl Front {
    pub(super) fn new(ipmid: Ipmid, owners: ChannelOwners) -> Self {
        Self { ipmid, owners }
    }

    /// Runs what the bus client `sender` asks for. Who owns no channel counts as the controller's own programs; D3h where
    /// there is no channel for them.
    pub(super) async fn execute(&self, sender: &str, call: Call) -> Reply {
        match self.owners.channel_or_internal(sender).await {
            Some(channel) => self.execute_on(channel, call).await,
            None => reply(&call, CompletionCode::DESTINATION_UNAVAILABLE, Vec::new()),
        }
    }

    /// The channel that the bus client `sender` owns.
    pub(super) async fn channel_of(&self, sender: &str) -> Option<&Channel> {
        self.owners.channel(sender).await
    }

    /// Runs what came over `channel`.
    pub(super) async fn execute_on(&self, channel: &Channel, call: Call) -> Reply {
        let caller = match caller(channel, call.lun, call.options) {
            Ok(caller) => caller,
            Err(code) => return reply(&call, code, Vec::new()),
        };
        let request = Request { net_fn: call.net_fn, command: call.command, data: &call.data };
        let response = dispatch(&self.ipmid, &caller, request).await;
        reply(&call, response.completion_code, response.data)
    }
}

fn reply(call: &Call, completion_code: CompletionCode, data: Vec<u8>) -> Reply {
    let Call { net_fn, lun, command, .. } = *call;
    Reply { net_fn: net_fn | 1, lun, command, completion_code: completion_code.0, data }
}

/// Who sends it. A channel with sessions vouches for user, privilege and session of every request.
///
/// # Errors
/// [`CompletionCode::UNSPECIFIED`] where one of these is missing or no value, as OpenBMC answers;
/// [`CompletionCode::INVALID_FOR_LUN`] for a LUN of more than two bits.
fn caller(channel: &Channel, lun: u8, options: Options) -> Result<Caller, CompletionCode> {
    let lun = Lun::new(lun).ok_or(CompletionCode::INVALID_FOR_LUN)?;
    let anyone = Caller { lun, ..Caller::without_session(channel.number, channel.medium) };
    if channel.medium != ChannelMedium::Lan {
        return Ok(anyone);
    }
    match (options.user_id, options.privilege, options.session_id) {
        (_, Some(0), None) => Ok(Caller { privilege: None, ..anyone }),
        (Some(user), Some(privilege), Some(session)) => {
            let privilege = u8::try_from(privilege).ok().and_then(Privilege::from_u8);
            Ok(Caller {
                privilege: Some(privilege.ok_or(CompletionCode::UNSPECIFIED)?),
                user_slot: Some(u8::try_from(user).map_err(|_| CompletionCode::UNSPECIFIED)?),
                session_id: Some(session),
                ..anyone
            })
        }
        _ => Err(CompletionCode::UNSPECIFIED),
    }
}
