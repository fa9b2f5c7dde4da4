//! `ferrite ctl sessions`.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
};

use bmc_dbus::{names::ipmi, sessions::ListedPayload, users::UserTableProxy};
use futures_util::FutureExt as _;
use serde::Serialize;
use zbus::Connection;

use super::{
    Command, Failure, Line, Output,
    bus::{self, NETIPMID, Properties},
    present,
    table::{self, Align},
    user::privilege_name,
};

pub(super) const COMMAND: Command = Command {
    name: "sessions",
    help: "\
Lists the IPMI LAN sessions, the consoles they have open (Serial over LAN) and what the channels threw away, or closes a session.

usage: ferrite ctl sessions [--json]
       ferrite ctl sessions close ID

  close ID  ends the session with this ID (as the list shows it); its client must log in again

Discards are datagrams that were dropped, counted by reason since the channel started.
",
    flags: &[],
    values: &[],
    run: |line| Box::pin(run(line)),
};

/// What all LAN channels have.
#[derive(Debug, Default, Serialize)]
pub(super) struct Channels {
    pub(super) sessions: Vec<Session>,
    /// Consoles that sessions have open.
    pub(super) consoles: Vec<Console>,
    /// By channel, then by reason.
    pub(super) discards: BTreeMap<String, BTreeMap<String, u64>>,
}

/// One session; `None` where the channel does not say (OpenBMC's own netipmid gives neither suite nor age).
#[derive(Debug, Serialize)]
pub(super) struct Session {
    id: String,
    channel: String,
    user: String,
    privilege: String,
    source: String,
    suite: Option<u64>,
    age_ms: Option<u64>,
}

/// A console that a session has open by Serial over LAN.
#[derive(Debug, Serialize)]
pub(super) struct Console {
    session: String,
    channel: String,
    instance: u8,
    /// For how long.
    seconds: u64,
    /// From the client.
    bytes_in: u64,
    /// That the client acknowledged.
    bytes_out: u64,
}

/// `State` of a session that is in use.
const ACTIVE: u64 = 2;

impl Session {
    fn new(channel: &str, path: &str, properties: &Properties, users: &HashMap<u64, String>) -> Self {
        let number = |name| properties.number(name).unwrap_or_default();
        let slot = number("UserID");
        Self {
            // "<session ID>_<handle>", in hex.
            id: path
                .rsplit('/')
                .next()
                .and_then(|name| name.split('_').next())
                .unwrap_or_default()
                .to_owned(),
            channel: channel.to_owned(),
            user: users.get(&slot).cloned().unwrap_or_else(|| format!("slot {slot}")),
            privilege: privilege_name(number("CurrentPrivilege")),
            source: source(properties),
            suite: properties.number("CipherSuite"),
            age_ms: properties.number("AgeMilliseconds"),
        }
    }
}

/// Address and port: OpenBMC's property holds IPv4 only, ours any.
fn source(properties: &Properties) -> String {
    let port = properties.number("RemotePort").unwrap_or_default();
    match properties.text("RemoteAddress") {
        Some(address) if address.contains(':') => format!("[{address}]:{port}"),
        Some(address) => format!("{address}:{port}"),
        None => {
            let address = properties.number("RemoteIPAddr").and_then(|number| u32::try_from(number).ok());
            format!("{}:{port}", Ipv4Addr::from(address.unwrap_or_default()))
        }
    }
}

async fn run(line: Line) -> Result<Output, Failure> {
    let connection = bus::connect().await?;
    match line.words()[..] {
        [] => present(&line, &read(&connection).await?, render).map(Output::from),
        ["close", id] => close(&connection, &line, id).await,
        _ => Err(line.misunderstood("sessions")),
    }
}

/// Sessions and discards of every LAN channel.
pub(super) async fn read(connection: &Connection) -> Result<Channels, Failure> {
    let users = user_names(connection).await;
    let mut model = Channels::default();
    let mut lan = false;
    for channel in bus::channels(connection).await? {
        let service = format!("{}{channel}", ipmi::CHANNEL_PREFIX);
        let sessions = bus::objects(connection, &service, ipmi::SESSION_ROOT, ipmi::SESSION_INFO).await;
        // The owner of a host's channel has no sessions.
        let Ok(sessions) = sessions else { continue };
        lan = true;
        let active = sessions.iter().filter(|(_, properties)| properties.number("State") == Some(ACTIVE));
        model.sessions.extend(active.map(|(path, found)| Session::new(&channel, path, found, &users)));
        if let Ok(consoles) = consoles(connection, &channel).await {
            model.consoles.extend(consoles);
        }
        if let Ok(discards) = discards(connection, &channel).await {
            model.discards.insert(channel, discards);
        }
    }
    if lan { Ok(model) } else { Err(NETIPMID.missing()) }
}

/// Names by slot; none where userd is not there.
async fn user_names(connection: &Connection) -> HashMap<u64, String> {
    let Ok(table) = UserTableProxy::new(connection).boxed().await else { return HashMap::new() };
    let users = table.list().boxed().await.unwrap_or_default();
    users.into_iter().filter(|user| !user.name.is_empty()).map(|user| (user.slot.into(), user.name)).collect()
}

async fn lan_channel(connection: &Connection, channel: &str) -> zbus::Result<zbus::Proxy<'static>> {
    let service = format!("{}{channel}", ipmi::CHANNEL_PREFIX);
    let path = ipmi::channel_path(channel);
    // Discards are read on demand and never signalled, so that nothing may be cached.
    zbus::proxy::Builder::new(connection)
        .destination(service)
        .path(path)
        .interface(ipmi::LAN_CHANNEL)
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await
}

async fn discards(connection: &Connection, channel: &str) -> zbus::Result<BTreeMap<String, u64>> {
    let counters: HashMap<String, u64> =
        lan_channel(connection, channel).await?.get_property("Discards").boxed().await?;
    Ok(counters.into_iter().filter(|(_, count)| *count > 0).collect())
}

/// None where OpenBMC's own netipmid serves, which does not list them.
async fn consoles(connection: &Connection, channel: &str) -> zbus::Result<Vec<Console>> {
    /// The payload type of Serial over LAN.
    const SOL: u8 = 1;
    let payloads: Vec<ListedPayload> =
        lan_channel(connection, channel).await?.get_property("Payloads").boxed().await?;
    let console = |payload: ListedPayload| Console {
        session: format!("{:x}", payload.session_id),
        channel: channel.to_owned(),
        instance: payload.instance,
        seconds: payload.seconds,
        bytes_in: payload.bytes_in,
        bytes_out: payload.bytes_out,
    };
    Ok(payloads.into_iter().filter(|payload| payload.payload_type == SOL).map(console).collect())
}

async fn close(connection: &Connection, line: &Line, id: &str) -> Result<Output, Failure> {
    let digits = id.trim_start_matches("0x");
    let number = u32::from_str_radix(digits, 16)
        .map_err(|_| Failure::Usage(format!("`{id}` is no session ID; `ferrite ctl sessions` lists them")))?;
    let sessions = read(connection).await?.sessions;
    let same = |session: &&Session| u32::from_str_radix(&session.id, 16) == Ok(number);
    let Some(session) = sessions.iter().find(same) else {
        return Err(Failure::Failed(format!("no session has the ID {id}\nhint: ferrite ctl sessions")));
    };
    let channel = lan_channel(connection, &session.channel).await.map_err(|error| NETIPMID.failure(error))?;
    channel
        .call::<_, _, ()>("CloseSession", &number)
        .boxed()
        .await
        .map_err(|error| NETIPMID.failure(error))?;
    present(line, session, |session| format!("closed session {} of {}\n", session.id, session.user))
        .map(Output::from)
}

fn render(model: &Channels) -> String {
    const SESSIONS: [(&str, Align); 7] = [
        ("ID", Align::Left),
        ("CHANNEL", Align::Left),
        ("USER", Align::Left),
        ("PRIVILEGE", Align::Left),
        ("SOURCE", Align::Left),
        ("SUITE", Align::Right),
        ("AGE", Align::Right),
    ];
    let rows: Vec<_> = model.sessions.iter().map(row).collect();
    let mut text = if rows.is_empty() { "no sessions\n".to_owned() } else { table::render(&SESSIONS, &rows) };
    if !model.consoles.is_empty() {
        text.push('\n');
        text.push_str(&table::render(
            &[
                ("SESSION", Align::Left),
                ("CHANNEL", Align::Left),
                ("SOL", Align::Right),
                ("OPEN", Align::Right),
                ("BYTES IN", Align::Right),
                ("BYTES OUT", Align::Right),
            ],
            &model.consoles.iter().map(console_row).collect::<Vec<_>>(),
        ));
    }
    let counts = model.discards.iter().flat_map(|(channel, reasons)| {
        reasons.iter().map(|(reason, count)| vec![channel.clone(), reason.clone(), count.to_string()])
    });
    let counts: Vec<_> = counts.collect();
    if !counts.is_empty() {
        text.push('\n');
        const DISCARDS: [(&str, Align); 3] =
            [("CHANNEL", Align::Left), ("DISCARDED BECAUSE", Align::Left), ("COUNT", Align::Right)];
        text.push_str(&table::render(&DISCARDS, &counts));
    }
    text
}

fn row(session: &Session) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        session.id.clone(),
        session.channel.clone(),
        session.user.clone(),
        session.privilege.clone(),
        session.source.clone(),
        or_dash(session.suite.map(|suite| suite.to_string())),
        or_dash(session.age_ms.map(table::age)),
    ]
}

fn console_row(console: &Console) -> Vec<String> {
    vec![
        console.session.clone(),
        console.channel.clone(),
        console.instance.to_string(),
        table::age(console.seconds.saturating_mul(1000)),
        console.bytes_in.to_string(),
        console.bytes_out.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_discards_are_listed() {
        let session = Session {
            id: "02000001".into(),
            channel: "eth0".into(),
            user: "admin".into(),
            privilege: "administrator".into(),
            source: "[2001:db8::1]:50123".into(),
            suite: Some(17),
            age_ms: Some(65_000),
        };
        let discards =
            [("eth0".to_owned(), [("replayed".to_owned(), 3), ("bad integrity".to_owned(), 12)].into())];
        let console = Console {
            session: "2000001".into(),
            channel: "eth0".into(),
            instance: 1,
            seconds: 61,
            bytes_in: 12,
            bytes_out: 40_000,
        };
        let model = Channels { sessions: vec![session], consoles: vec![console], discards: discards.into() };
        let expected = "\
ID        CHANNEL  USER   PRIVILEGE      SOURCE               SUITE   AGE
02000001  eth0     admin  administrator  [2001:db8::1]:50123     17  65 s

SESSION  CHANNEL  SOL  OPEN  BYTES IN  BYTES OUT
2000001  eth0       1  61 s        12      40000

CHANNEL  DISCARDED BECAUSE  COUNT
eth0     bad integrity         12
eth0     replayed               3
";
        assert_eq!(render(&model), expected);
        assert_eq!(render(&Channels::default()), "no sessions\n");
    }
}
