//! The log on a private bus, through the proxies that others use.

use bmc_dbus::sel::{EventLogProxy, LoggingIpmiProxy, NO_RECORD};

use super::*;

#[tokio::test]
async fn an_event_of_a_daemon_is_read_back_as_an_ipmi_record() {
    let dir = tempfile::tempdir().unwrap();
    let bus = system_tests::PrivateBus::start().unwrap();
    let connect = async || zbus::connection::Builder::address(bus.address()).build().await.unwrap();
    let (server, client) = (connect().await, connect().await);
    let log = store::Store::open(&dir.path().join("sel.log"), 3).unwrap();
    objects::serve(&server, &Arc::new(Mutex::new(log))).await.unwrap();
    let added = LoggingIpmiProxy::new(&client).await.unwrap();
    let id = added.ipmi_sel_add("hot", "/xyz/x", &[1, 2], true, 0x20).await.unwrap();
    let log = EventLogProxy::new(&client).await.unwrap();
    let entry = log.get(0).await.unwrap();
    assert_eq!((entry.id, entry.next, entry.record[13..].to_vec()), (id, NO_RECORD, vec![1, 2, 0xFF]));
    let info = log.info().await.unwrap();
    assert_eq!((info.records, info.free, info.overflow), (1, 2, false));
    let missing = log.get(77).await.unwrap_err();
    assert!(missing.to_string().contains("org.ferrite.Error.NotPresent"), "{missing}");
}
