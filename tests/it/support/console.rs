//! The simulated host's console over Serial over LAN, with the client of our own.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use system_tests::remote_console::{Login, Session, SolClient, Suite};

use super::Running;

/// How long the host may take to say anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// An attached console.
pub(crate) struct HostConsole {
    pub(crate) client: SolClient,
}

/// An administrator's login at `port` of this machine.
pub(crate) fn login(stack: &Running, port: u16) -> Login {
    Login {
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        user: stack.description.user.clone().into_bytes(),
        password: stack.description.password.clone().into_bytes(),
        suite: Suite::from_number(17).unwrap(),
        persistent: false,
    }
}

impl HostConsole {
    /// Logs in and activates the first instance.
    pub(crate) fn attach(stack: &Running) -> Self {
        Self::attach_at(stack, stack.description.port, Duration::from_millis(100))
    }

    /// The same at another port, as of a relay, sending again after `retry`.
    pub(crate) fn attach_at(stack: &Running, port: u16, retry: Duration) -> Self {
        let session = Session::open(&login(stack, port)).unwrap();
        Self { client: SolClient::activate(session, 1, retry).unwrap() }
    }

    /// Types `keys` and sees to it that they are taken.
    pub(crate) fn keys(&mut self, keys: impl AsRef<[u8]>) {
        self.client.write(keys.as_ref());
        assert!(self.client.run(PATIENCE, SolClient::is_flushed).unwrap(), "the keys were not taken");
    }

    /// Waits for `text`; all that came up to it and with it.
    pub(crate) fn wait_for(&mut self, text: &str) -> Vec<u8> {
        let mut passed = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            passed.extend(self.client.take_received());
            if let Some(at) = passed.windows(text.len()).position(|window| window == text.as_bytes()) {
                let rest = passed.split_off(at + text.len());
                self.client.give_back(rest);
                return passed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let came = self.client.run(left, |client| !client.received().is_empty()).unwrap();
            assert!(came, "no {text:?} in {:?}", String::from_utf8_lossy(&passed));
        }
    }

    /// The next `count` bytes.
    pub(crate) fn read(&mut self, count: usize) -> Vec<u8> {
        let all = self.client.run(PATIENCE, |client| client.received().len() >= count).unwrap();
        let mut received = self.client.take_received();
        assert!(all, "{} of {count} bytes came, {:?}", received.len(), self.client.counts);
        let rest = received.split_off(count);
        self.client.give_back(rest);
        received
    }

    /// Gets to the shell's prompt from wherever the host is.
    pub(crate) fn shell(&mut self) {
        self.keys("\x03");
        self.wait_for("^C\r\n");
        let known =
            |client: &SolClient| [&b"# "[..], b"login: "].iter().any(|end| client.received().ends_with(end));
        assert!(self.client.run(PATIENCE, known).unwrap(), "neither prompt nor login");
        if self.client.take_received().ends_with(b"login: ") {
            self.keys("root\r");
            self.wait_for("# ");
        }
    }

    /// Has the host print `count` bytes, and gives them.
    pub(crate) fn burst(&mut self, count: usize) -> Vec<u8> {
        self.keys(format!("burst {count}\r"));
        self.wait_for("\r\n");
        let printed = self.read(count);
        self.wait_for("# ");
        printed
    }

    /// Has the host take `bytes` without echo, and holds its sum against ours.
    pub(crate) fn receives(&mut self, bytes: &[u8]) {
        self.keys(format!("receive {}\r", bytes.len()));
        self.wait_for("ready\r\n");
        self.client.write(bytes);
        let sum = bytes
            .iter()
            .fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        self.client.run(Duration::from_secs(240), SolClient::is_flushed).unwrap();
        self.wait_for(&format!("received {} bytes, sum {sum:08x}\r\n", bytes.len()));
        self.wait_for("# ");
    }

    /// Deactivates and closes the session.
    pub(crate) fn detach(self) {
        self.client.deactivate().unwrap().close().unwrap();
    }
}
