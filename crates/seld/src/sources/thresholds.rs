//! Threshold alarms on the bus: sensord's, dbus-sensors' and those of phosphor-dbus-interfaces.

use std::{collections::VecDeque, num::NonZeroUsize};

use bmc_dbus::{
    discovery::{managed_objects, providers},
    names::{OPENBMC, sensors as names},
    set_aside,
};
use futures_util::{
    StreamExt as _,
    stream::{SelectAll, select_all},
};
use zbus::{Connection, MatchRule, Message, MessageStream, message::Type};

use super::{
    Sources,
    alarms::{INTERFACES, Told},
    lock,
};

/// Alarms that may wait; beyond that the bus connection waits for us.
const ALARMS: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Names that may come and go meanwhile.
const OWNERS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Alarms, and names that come and go.
pub(super) struct Signals {
    alarms: SelectAll<MessageStream>,
    owners: MessageStream,
}

/// Begins to listen.
pub(super) async fn subscribe(connection: &Connection) -> zbus::Result<Signals> {
    let mut signals = Vec::new();
    for level in INTERFACES {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface(format!("{}{level}", names::THRESHOLD_PREFIX))
            .path_namespace(names::ROOT)
            .build()?;
        signals.push(MessageStream::for_match_rule(rule, connection, Some(ALARMS)).await?);
    }
    let owners = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg0ns(OPENBMC)
        .build()?;
    let owners = MessageStream::for_match_rule(owners, connection, Some(OWNERS)).await?;
    Ok(Signals { alarms: select_all(signals), owners })
}

/// Looks at the alarms that there are, then listens until the bus is gone.
pub(super) async fn follow(
    sources: &Sources,
    connection: &Connection,
    mut signals: Signals,
) -> zbus::Result<()> {
    let Signals { alarms, owners } = &mut signals;
    let mut aside = VecDeque::new();
    let finding = providers(connection, names::ROOT, names::VALUE);
    for (_, owner) in set_aside(alarms, &mut aside, finding).await? {
        set_aside(alarms, &mut aside, load(sources, connection, &owner)).await;
    }
    loop {
        while let Some(message) = aside.pop_front() {
            heard(sources, &message?).await;
        }
        tokio::select! {
            message = alarms.next() => match message {
                Some(message) => heard(sources, &message?).await,
                None => return Ok(()),
            },
            message = owners.next() => match message {
                Some(message) => {
                    let message = message?;
                    let looking = owner_changed(sources, connection, &message);
                    set_aside(alarms, &mut aside, looking).await;
                }
                None => return Ok(()),
            },
        }
    }
}

/// A provider that comes may have alarms on, and tells them in its properties alone.
async fn owner_changed(sources: &Sources, connection: &Connection, message: &Message) {
    if let Ok((_, _, owner)) = message.body().deserialize::<(String, String, String)>()
        && !owner.is_empty()
        && connection.unique_name().is_none_or(|own| own.as_str() != owner)
    {
        load(sources, connection, &owner).await;
    }
}

/// Looks at the alarms of a provider. Most names have no sensors, and say so with an error.
async fn load(sources: &Sources, connection: &Connection, owner: &str) {
    let Ok((objects, _)) = managed_objects(connection, owner, names::ROOT).await else { return };
    let mut objects: Vec<_> = objects.into_iter().collect();
    objects.sort_by(|a, b| a.0.cmp(&b.0));
    let happened: Vec<_> = {
        let mut alarms = lock(&sources.alarms);
        objects.iter().flat_map(|(path, interfaces)| alarms.found(path, interfaces)).collect()
    };
    sources.happen(happened).await;
}

async fn heard(sources: &Sources, message: &Message) {
    let Some((path, told)) = parse(message) else { return };
    let happened = lock(&sources.alarms).told(&path, told);
    sources.happen(happened.into_iter().collect()).await;
}

fn parse(message: &Message) -> Option<(String, Told)> {
    let (header, body) = (message.header(), message.body());
    let member = header.member()?.as_str();
    let told = if member == "ThresholdAsserted" {
        let (_, _, property, asserted, value) =
            body.deserialize::<(String, String, String, bool, f64)>().ok()?;
        Told::by_property(&property, asserted, value)?
    } else {
        Told::by_member(member, body.deserialize::<f64>().ok()?)?
    };
    Some((header.path()?.to_string(), told))
}
