use std::{os::unix::net::UnixStream, time::Duration};

use system_tests::PrivateBus;
use zbus::{Connection, OwnedFd};

use super::*;
use crate::{
    execute::{Call, Options, Reply},
    names::ipmi,
};

/// An ipmid that echoes; command 1 never ends.
struct Connect;

#[zbus::interface(name = "org.ferrite.Ipmi.DirectLine")]
impl Connect {
    async fn connect(&self) -> zbus::fdo::Result<OwnedFd> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        tokio::spawn(serve(ours, echo));
        Ok(std::os::fd::OwnedFd::from(theirs).into())
    }
}

async fn echo(call: Call) -> Reply {
    if call.command == 1 {
        std::future::pending::<()>().await;
    }
    let Call { net_fn, lun, command, data, options } = call;
    let user = u8::try_from(options.user_id.unwrap_or_default()).unwrap();
    Reply { net_fn: net_fn | 1, lun, command, completion_code: user, data }
}

async fn connect(bus: &PrivateBus) -> Connection {
    zbus::connection::Builder::address(bus.address()).build().await.unwrap()
}

async fn ipmid(bus: &PrivateBus) -> Connection {
    let connection = connect(bus).await;
    connection.object_server().at(ipmi::PATH, Connect).await.unwrap();
    connection.request_name(ipmi::SERVICE).await.unwrap();
    connection
}

fn call(command: u8) -> Call {
    let options = Options { user_id: Some(2), privilege: Some(4), session_id: Some(9), ..Options::default() };
    Call { net_fn: 6, lun: 0, command, data: vec![1, 2, 3], options }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(5), future).await.expect("in time")
}

#[tokio::test]
async fn a_slow_command_does_not_delay_the_next() {
    let bus = PrivateBus::start().unwrap();
    let _ipmid = ipmid(&bus).await;
    let line = DirectLine::connect(&connect(&bus).await).await.unwrap();
    assert!(line.is_direct());
    let slow = tokio::spawn({
        let line = line.clone();
        async move { line.execute(call(1)).await }
    });
    tokio::task::yield_now().await;
    let reply = soon(line.execute(call(7))).await.unwrap();
    assert_eq!(reply, Reply { net_fn: 7, lun: 0, command: 7, completion_code: 2, data: vec![1, 2, 3] });
    assert!(!slow.is_finished());
    slow.abort();
}

#[tokio::test]
async fn the_line_comes_back_with_ipmid() {
    let bus = PrivateBus::start().unwrap();
    let line = DirectLine::connect(&connect(&bus).await).await.unwrap();
    assert!(matches!(line.execute(call(7)).await, Err(ExecuteError::Absent)));
    let mut presence = line.presence();
    let first = ipmid(&bus).await;
    while !line.is_direct() {
        soon(presence.changed()).await;
    }
    soon(line.execute(call(7))).await.unwrap();
    first.close().await.unwrap();
    while line.is_direct() {
        soon(presence.changed()).await;
    }
    let _second = ipmid(&bus).await;
    while !line.is_direct() {
        soon(presence.changed()).await;
    }
    soon(line.execute(call(7))).await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_not_answered_ends_after_its_deadline_and_the_line_goes_on() {
    let bus = PrivateBus::start().unwrap();
    let _ipmid = ipmid(&bus).await;
    let line = DirectLine::connect(&connect(&bus).await).await.unwrap();
    // Twice, because the clock that ended the first stops while nothing is under way.
    for _ in 0..2 {
        tokio::time::pause();
        assert!(matches!(line.execute(call(1)).await, Err(ExecuteError::Deadline)));
        tokio::time::resume();
        soon(line.execute(call(7))).await.unwrap();
    }
    assert!(line.is_direct());
}

#[tokio::test]
async fn bytes_that_are_no_message_end_the_line() {
    use std::io::Write as _;
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(&[0xFF; 64]).unwrap();
    assert_eq!(soon(serve(ours, echo)).await.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
}

/// An ipmid whose first line takes no calls, though its socket stays open; the next ones echo.
#[derive(Default)]
struct DeafAtFirst(Vec<UnixStream>);

#[zbus::interface(name = "org.ferrite.Ipmi.DirectLine")]
impl DeafAtFirst {
    async fn connect(&mut self) -> zbus::fdo::Result<OwnedFd> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        if self.0.is_empty() {
            ours.shutdown(std::net::Shutdown::Read).unwrap();
            self.0.push(ours);
        } else {
            tokio::spawn(serve(ours, echo));
        }
        Ok(std::os::fd::OwnedFd::from(theirs).into())
    }
}

#[tokio::test]
async fn a_line_that_takes_no_calls_is_dialled_anew() {
    let bus = PrivateBus::start().unwrap();
    let ipmid = connect(&bus).await;
    ipmid.object_server().at(ipmi::PATH, DeafAtFirst::default()).await.unwrap();
    ipmid.request_name(ipmi::SERVICE).await.unwrap();
    let line = DirectLine::connect(&connect(&bus).await).await.unwrap();
    let mut presence = line.presence();
    assert!(matches!(line.execute(call(7)).await, Err(ExecuteError::Interrupted)));
    soon(presence.changed()).await;
    while !line.is_direct() {
        soon(presence.changed()).await;
    }
    soon(line.execute(call(7))).await.unwrap();
}

/// An ipmid that echoes and tells when a caller has hung up.
struct TellsEnd(tokio::sync::mpsc::UnboundedSender<()>);

#[zbus::interface(name = "org.ferrite.Ipmi.DirectLine")]
impl TellsEnd {
    async fn connect(&self) -> zbus::fdo::Result<OwnedFd> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ended = self.0.clone();
        tokio::spawn(async move {
            drop(serve(ours, echo).await);
            let _ = ended.send(());
        });
        Ok(std::os::fd::OwnedFd::from(theirs).into())
    }
}

#[tokio::test]
async fn the_line_of_the_bus_before_serves_until_ipmid_is_on_the_new_one_and_is_then_hung_up() {
    let (before, now) = (PrivateBus::start().unwrap(), PrivateBus::start().unwrap());
    let (tell, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let old_ipmid = connect(&before).await;
    old_ipmid.object_server().at(ipmi::PATH, TellsEnd(tell)).await.unwrap();
    old_ipmid.request_name(ipmi::SERVICE).await.unwrap();
    let lines = Lines::default();
    lines.set(DirectLine::connect(&connect(&before).await).await.unwrap());
    let line = DirectLine::connect(&connect(&now).await).await.unwrap();
    let mut presence = line.presence();
    lines.set(line.clone());
    soon(lines.best().unwrap().execute(call(7))).await.unwrap();
    let _ipmid = ipmid(&now).await;
    while !line.is_direct() {
        soon(presence.changed()).await;
    }
    lines.drop_before();
    soon(ended.recv()).await;
    soon(lines.best().unwrap().execute(call(7))).await.unwrap();
}
