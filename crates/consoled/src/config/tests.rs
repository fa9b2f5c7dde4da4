//! Both kinds of file, and which one is taken.

use std::fs;

use bmc_daemon::{Arguments, Context, Shutdown};

use super::*;

/// obmc-console's own example for a VUART.
const VUART: &str =
    "lpc-address = 0x3f8\nsirq = 4\nupstream-tty = ttyVUART0\nlocal-tty = ttyS0\nlocal-tty-baud = 115200\n";

struct Files(tempfile::TempDir);

impl Files {
    fn new(toml: &str, obmc: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let directory = format!("obmc_console = \"{}\"\n", dir.path().display());
        fs::write(dir.path().join("consoled.toml"), directory + toml).unwrap();
        for (name, text) in obmc {
            fs::write(dir.path().join(name), text).unwrap();
        }
        Self(dir)
    }

    fn find(&self, instance: Option<&str>) -> anyhow::Result<Settings> {
        self.find_with(instance, None)
    }

    fn find_with(&self, instance: Option<&str>, config: Option<&str>) -> anyhow::Result<Settings> {
        let (_, shutdown) = Shutdown::channel();
        let arguments = Arguments {
            config_dir: self.0.path().to_owned(),
            config: config.map(|name| self.0.path().join(name)),
            state_dir: self.0.path().join("state"),
            instance: instance.map(str::to_owned),
            log_level: tracing::Level::INFO,
        };
        Ok(find(&Context::new("consoled", arguments, shutdown))?.1)
    }
}

#[test]
fn a_file_of_obmc_console_is_taken_as_it_is_by_tty_and_by_id() {
    let files = Files::new("", &[("server.ttyVUART0.conf", VUART)]);
    for instance in [None, Some("default"), Some("ttyVUART0")] {
        let settings = files.find(instance).unwrap();
        assert_eq!(settings.id, "default");
        assert_eq!(settings.tty, PathBuf::from("/dev/ttyVUART0"));
        assert_eq!(settings.vuart, Vuart { lpc_address: Some(0x3f8), sirq: Some(4), sirq_polarity: None });
        assert_eq!((settings.ring_size, settings.baud), (128 * 1024, None));
        let log = settings.log.unwrap();
        assert_eq!(
            (log.path, log.size, log.rotations),
            ("/var/log/ferrite-console/default.log".into(), 16 * 1024, 1)
        );
    }
    assert_eq!(files.find_with(None, Some("server.ttyVUART0.conf")).unwrap(), files.find(None).unwrap());
    let other = files.find_with(Some("ttyS2"), Some("server.ttyVUART0.conf")).unwrap();
    assert_eq!(other.tty, PathBuf::from("/dev/ttyS2"), "as obmc-console-server --config FILE ttyS2");
}

#[test]
fn every_key_of_obmc_console_has_its_meaning() {
    let text = "# comment\n; another\nconsole-id = host1 # trailing\nbaud = 57600\nlogfile = \"/tmp/x.log\"\nlogsize = 64 kB\n\
                ringbuffer-size = 1M\naspeed-uart-routing = uart1:io3 io3:uart1\nsirq-polarity = 1\nlocal-tty =\n";
    let settings = Files::new("", &[("server.ttyS2.conf", text)]).find(Some("host1")).unwrap();
    let log = settings.log.unwrap();
    assert_eq!((log.path, log.size), ("/tmp/x.log".into(), 64 * 1024));
    assert_eq!((settings.baud, settings.ring_size), (Some(57_600), 1 << 20));
    let routes = settings.routes.into_iter().map(|route| (route.sink, route.source)).collect::<Vec<_>>();
    assert_eq!(routes, [("uart1".into(), "io3".into()), ("io3".into(), "uart1".into())]);
    assert_eq!(settings.vuart.sirq_polarity, Some(1));
}

#[test]
fn the_line_that_rings_the_host_is_named_in_either_file() {
    let line = |high| Some(RingLine { name: "HOST_RING".to_owned(), high });
    let obmc = |text: &str| Files::new("", &[("server.ttyS2.conf", text)]).find(Some("ttyS2")).unwrap();
    assert_eq!(obmc("ring-gpio = HOST_RING\n").ring_line, line(true));
    assert_eq!(obmc("ring-gpio = HOST_RING\nring-polarity = 0\n").ring_line, line(false));
    assert_eq!(obmc("ring-polarity = 0\n").ring_line, None);
    let toml = "[[console]]\ntty = \"ttyS2\"\nring_gpio = \"HOST_RING\"\nring_polarity = 0\n";
    assert_eq!(Files::new(toml, &[]).find(None).unwrap().ring_line, line(false));
    let wrong = Files::new(&toml.replace("= 0", "= 2"), &[]).find(None).unwrap_err().to_string();
    assert!(wrong.contains("consoled.toml:5: ring_polarity: 2"), "{wrong}");
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    for (text, wrong) in [
        ("baud = 1\n", ":1: baud: 1 is not 50 to 4000000"),
        ("\nbaud = fast\n", ":2: baud: `fast` is no number"),
        ("\n\nlogsize = 3 parsecs\n", ":3: logsize: `3 parsecs`"),
        ("sirq = 17\n", ":1: sirq: 17 is not 0 to 16"),
        ("colour = red\n", ":1: unknown key `colour`"),
        ("nonsense\n", ":1: `nonsense` is not `key = value`"),
        ("mux-gpios = MUX\n", "multiplexer"),
        ("\n[host1]\n", ":2: section [host1]"),
        ("aspeed-uart-routing = uart1:io3 uevent:1\n", ":1: uart_routing: `uevent:1`"),
        ("console-id = a/b\n", ":1: id: `a/b`"),
    ] {
        let error =
            Files::new("", &[("server.ttyS2.conf", text)]).find(Some("ttyS2")).unwrap_err().to_string();
        assert!(error.contains("server.ttyS2.conf") && error.contains(wrong), "{error}");
    }
}

#[test]
fn a_wrong_file_of_another_tty_is_no_matter() {
    let files = Files::new("", &[("server.ttyS2.conf", "[mux]\n"), ("server.ttyVUART0.conf", VUART)]);
    assert_eq!(files.find(Some("ttyVUART0")).unwrap().id, "default");
}

#[test]
fn consoled_toml_goes_before_obmc_consoles_files_and_has_lines_too() {
    let toml = "[[console]]\nid = \"host0\"\ntty = \"/dev/pts/7\"\nlog_file = \"/l\"\n\n[[console]]\ntty = \"ttyS2\"\nbaud = 9600\n\
                flow_control = \"hardware\"\n";
    let files = Files::new(toml, &[("server.ttyS2.conf", VUART)]);
    let first = files.find(Some("host0")).unwrap();
    assert_eq!((first.tty, first.log.map(|log| log.path)), ("/dev/pts/7".into(), Some("/l".into())));
    let second = files.find(None).unwrap();
    assert_eq!((second.baud, second.flow_control, second.log), (Some(9600), FlowControl::Hardware, None));
    let error = Files::new(&toml.replace("9600", "7"), &[]).find(None).unwrap_err().to_string();
    assert!(error.contains("consoled.toml:9: baud: 7"), "{error}");
    let error = Files::new("[[console]]\ncolour = 1\n", &[]).find(None).unwrap_err().to_string();
    assert!(error.contains("consoled.toml:3: ") && error.contains("colour"), "{error}");
    let error = Files::new("", &[]).find(Some("host9")).unwrap_err().to_string();
    assert!(error.contains("no console `host9`"), "{error}");
}

#[test]
fn the_example_file_names_every_key() {
    let example: find::Config = system_tests::read_example_config("consoled");
    let text = system_tests::example_config("consoled");
    let (_, table) = text.split_once("[[console]]").unwrap();
    let known = toml::from_str::<find::Config>("[[console]]\nno_such_key = 1").unwrap_err().to_string();
    let (_, known) = known.split_once("expected").unwrap();
    for key in known.split('`').skip(1).step_by(2) {
        assert!(table.contains(&format!("\n{key} = ")), "{key}");
    }
    let raw = example.tables().next().unwrap().raw(std::path::Path::new("consoled.toml"), &text, 0);
    let checked = raw.check().unwrap();
    assert_eq!((checked.ring_size, checked.readers, checked.id.as_str()), (128 * 1024, 16, DEFAULT_ID));
}
