use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixListener,
};

use super::*;

#[tokio::test]
async fn a_socket_board_tells_levels_takes_outputs_and_its_end_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gpio.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let board = async {
        let (read, mut write) = listener.accept().await.unwrap().0.into_split();
        let mut asked = BufReader::new(read).lines();
        assert_eq!(asked.next_line().await.unwrap().unwrap(), r#"{"watch":["power-ok"]}"#);
        write.write_all(b"{\"line\":\"power-ok\",\"value\":true}\n").await.unwrap();
        assert_eq!(asked.next_line().await.unwrap().unwrap(), r#"{"set":"nmi","value":false}"#);
        write.write_all(b"{\"error\":\"no line `nmi`\"}\n").await.unwrap();
    };
    let client = async {
        let source = Source::Socket(path.clone());
        let mut lines = Lines::open(&source, &["power-ok".to_owned()], &[]).await.unwrap();
        assert_eq!(lines.next().await.unwrap(), LineEvent { line: "power-ok".to_owned(), high: true });
        lines.set("nmi", false).unwrap();
        let refused = lines.next().await.unwrap_err();
        assert!(refused.to_string().contains("no line `nmi`") && !refused.is_lost(), "{refused}");
        assert!(lines.next().await.unwrap_err().is_lost());
    };
    tokio::join!(board, client);
}

#[test]
fn a_source_is_cdev_or_a_socket() {
    assert_eq!("cdev".parse(), Ok(Source::Cdev));
    assert_eq!("unix:/run/g".parse(), Ok(Source::Socket("/run/g".into())));
    assert!("unix:".parse::<Source>().unwrap_err().contains("hint"));
}

#[tokio::test]
async fn what_was_set_before_the_end_reaches_the_board() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gpio.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut lines = Lines::open(&Source::Socket(path), &[], &[]).await.unwrap();
    for _ in 0..50 {
        lines.set("nmi", true).unwrap();
    }
    lines.set("nmi", false).unwrap();
    lines.close().await;
    let mut asked = BufReader::new(listener.accept().await.unwrap().0).lines();
    let mut last = String::new();
    while let Some(line) = asked.next_line().await.unwrap() {
        last = line;
    }
    assert_eq!(last, r#"{"set":"nmi","value":false}"#);
}

#[tokio::test]
async fn lines_that_no_chip_has_are_all_named() {
    // Holds with chips and without: no board has such names.
    let names = ["ferrite-test-x", "ferrite-test-y"].map(str::to_owned);
    let Err(error) = Lines::open(&Source::Cdev, &names[..1], &names[1..]).await else { panic!("they exist") };
    let text = error.to_string();
    assert!(text.contains("`ferrite-test-x`, `ferrite-test-y`") && !error.is_lost(), "{text}");
}

#[test]
fn a_missing_line_is_told_with_the_chips_that_were_searched() {
    let error = no_lines(&["a"], &["/dev/gpiochip0 [1e780000.gpio]: 208 lines".to_owned()]).to_string();
    assert!(
        error.starts_with("no gpio line is named `a` (searched /dev/gpiochip0 [1e780000.gpio]: 208 lines)\n")
    );
    assert!(no_lines(&["a"], &[]).to_string().contains("no gpio chip"));
}
