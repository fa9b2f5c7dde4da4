//! The log on a private bus, through the proxies that others use.

use bmc_dbus::sel::{EventLogProxy, LoggingIpmiProxy, NO_RECORD};
use futures_util::StreamExt as _;

use super::*;

/// A log for three records on a bus of its own.
struct Stand {
    client: zbus::Connection,
    _server: zbus::Connection,
    _dir: tempfile::TempDir,
    _bus: system_tests::PrivateBus,
}

async fn stand() -> Stand {
    let dir = tempfile::tempdir().unwrap();
    let bus = system_tests::PrivateBus::start().unwrap();
    let connect = async || zbus::connection::Builder::address(bus.address()).build().await.unwrap();
    let (server, client) = (connect().await, connect().await);
    let log = store::Store::open(&dir.path().join("sel.log"), 3).unwrap();
    objects::serve(&server, &Arc::new(Mutex::new(log))).await.unwrap();
    Stand { client, _server: server, _dir: dir, _bus: bus }
}

#[tokio::test]
async fn an_event_of_a_daemon_is_read_back_as_an_ipmi_record() {
    let stand = stand().await;
    let added = LoggingIpmiProxy::new(&stand.client).await.unwrap();
    let id = added.ipmi_sel_add("hot", "/xyz/x", &[1, 2], true, 0x20).await.unwrap();
    let log = EventLogProxy::new(&stand.client).await.unwrap();
    let entry = log.get(0).await.unwrap();
    assert_eq!((entry.id, entry.next, entry.record[13..].to_vec()), (id, NO_RECORD, vec![1, 2, 0xFF]));
    let info = log.info().await.unwrap();
    assert_eq!((info.records, info.free, info.overflow), (1, 2, false));
    let missing = log.get(77).await.unwrap_err();
    assert!(missing.to_string().contains("org.ferrite.Error.NotPresent"), "{missing}");
}

#[tokio::test]
async fn a_record_that_was_added_is_told_to_all_as_it_is_kept() {
    let stand = stand().await;
    let log = EventLogProxy::new(&stand.client).await.unwrap();
    let mut told = log.receive_added().await.unwrap();
    LoggingIpmiProxy::new(&stand.client)
        .await
        .unwrap()
        .ipmi_sel_add("hot", "/x", &[1], true, 0x20)
        .await
        .unwrap();
    let signal = told.next().await.unwrap();
    let arguments = signal.args().unwrap();
    assert_eq!((arguments.id, &arguments.record), (1, &log.get(1).await.unwrap().record));
}

#[tokio::test]
async fn every_change_of_the_log_is_answered_and_announced() {
    let stand = stand().await;
    let log = EventLogProxy::new(&stand.client).await.unwrap();
    let others = LoggingIpmiProxy::new(&stand.client).await.unwrap();
    let mut changes = log.receive_changed().await.unwrap();
    let mut announced = async || {
        tokio::time::timeout(std::time::Duration::from_secs(10), changes.next()).await.unwrap().unwrap();
    };
    let record = [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, 9, 1, 0x57, 2, 3];
    assert_eq!(log.add(&record).await.unwrap(), 1);
    announced().await;
    assert_eq!(log.get(1).await.unwrap().record[7..], record[7..]);
    assert!(log.add(&record[1..]).await.unwrap_err().to_string().contains("InvalidRecord"));
    assert_eq!(others.ipmi_sel_add_oem("", &[7; 13], 0xE0).await.unwrap(), 2);
    announced().await;
    assert_eq!(log.get(2).await.unwrap().record[2..], [&[0xE0][..], &[7; 13]].concat());
    assert_eq!(others.ipmi_sel_add_oem("", &[7; 6], 0xC1).await.unwrap(), 3);
    announced().await;
    assert_eq!(log.get(0xFFFF).await.unwrap().record[7..], [7, 7, 7, 7, 7, 7, 0xFF, 0xFF, 0xFF]);
    assert!(
        others.ipmi_sel_add_oem("", &[7; 14], 0xE0).await.is_err()
            && others.ipmi_sel_add_oem("", &[], 2).await.is_err()
    );
    assert!(log.add(&record).await.unwrap_err().to_string().contains("Error.Full"));
    assert!(log.info().await.unwrap().overflow);
    assert_eq!(log.delete(2).await.unwrap(), 2);
    announced().await;
    assert_eq!(log.get(1).await.unwrap().next, 3);
    assert!(log.delete(2).await.unwrap_err().to_string().contains("NotPresent"));
    for clear in [true, false] {
        if clear {
            log.clear().await.unwrap()
        } else {
            others.clear().await.unwrap()
        }
        announced().await;
        let info = log.info().await.unwrap();
        assert_eq!((info.records, info.free, info.overflow), (0, 3, false));
        assert!(info.last_erase >= info.last_addition);
    }
}
