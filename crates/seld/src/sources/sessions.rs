//! What LAN channels tell of logins and sessions.

use bmc_dbus::names::ipmi;
use futures_util::StreamExt as _;
use zbus::{Connection, MatchRule, Message, MessageStream, message::Type};

use super::Sources;
use crate::record::What;

/// Signals that may wait; a channel sends at most two a second.
const QUEUE: usize = 256;
/// What of a channel's number and of a user's slot stands in an event (v2.0 table 42-3).
const CHANNEL: u8 = 0x0F;
const USER: u8 = 0x3F;

/// Begins to listen.
pub(super) async fn subscribe(connection: &Connection) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .interface(ipmi::LAN_CHANNEL)
        .member("SessionEvent")
        .path_namespace(ipmi::CHANNEL_ROOT)
        .build()?;
    MessageStream::for_match_rule(rule, connection, QUEUE.try_into().ok()).await
}

/// Listens until the bus is gone.
pub(super) async fn follow(sources: &Sources, mut signals: MessageStream) -> zbus::Result<()> {
    while let Some(message) = signals.next().await {
        sources.happen(heard(&message?).into_iter().collect()).await;
    }
    Ok(())
}

fn heard(message: &Message) -> Option<(String, What)> {
    let (channel, event, user_slot, cause): (u8, u8, u8, u8) = message.body().deserialize().ok()?;
    let place = (cause & 0x03) << 4 | channel & CHANNEL;
    // 0 to 3 are defined.
    let offset = (event <= 0x03).then_some(event)?;
    Some((ipmi::SESSION_AUDIT_PATH.to_owned(), What::Session { offset, user: user_slot & USER, place }))
}
