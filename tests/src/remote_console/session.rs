//! An RMCP+ session of which every AuthCode, pad, session and sequence number that comes back is checked.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use ipmi_wire::{
    Lun, NetFn,
    lan_message::{self, LanMessage},
    rakp::{
        AuthenticationAlgorithm, ConfidentialityAlgorithm, IntegrityAlgorithm, OpenSessionRequest,
        OpenSessionResponse, Proof, Proposal, Rakp1, Rakp2, Role, Status,
    },
    rmcp,
    rmcp_plus::{self, PayloadType},
};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::crypto::{Keys, Suite};

/// Nothing is ever sent twice: a lost answer is an error, so that retries cannot hide a fault.
const PATIENCE: Duration = Duration::from_secs(2);

/// The software ID that remote consoles use (v2.0§5.5).
const CONSOLE: u8 = 0x81;

/// Who logs in, and how.
#[derive(Clone)]
pub struct Login {
    /// The BMC.
    pub address: SocketAddr,
    /// The user's name.
    pub user: Vec<u8>,
    /// The user's password.
    pub password: Vec<u8>,
    /// The cipher suite.
    pub suite: Suite,
    /// Goes on after a RAKP message 2 that shows the password to be wrong, as who guesses passwords would and no honest client does.
    pub persistent: bool,
}

/// A request of any kind.
#[derive(Debug, Clone)]
pub struct Request {
    /// Network function.
    pub net_fn: NetFn,
    /// Command number.
    pub command: u8,
    /// Request data.
    pub data: Vec<u8>,
}

/// How a packet's sequence number stands to those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Higher than all.
    Newest,
    /// Lower than the highest, and not seen before: another packet overtook it.
    Late,
    /// Seen before, or too old to say.
    Repeated,
}

/// The numbers that came: the highest, and which of the 64 up to it.
#[derive(Debug, Default)]
struct Received {
    highest: u32,
    seen: u64,
}

impl Received {
    fn note(&mut self, sequence: u32) -> Order {
        if sequence > self.highest {
            self.seen = self.seen.checked_shl(sequence - self.highest).unwrap_or(0) | 1;
            self.highest = sequence;
            return Order::Newest;
        }
        let bit = 1_u64.checked_shl(self.highest - sequence).unwrap_or(0);
        if bit == 0 || self.seen & bit != 0 {
            return Order::Repeated;
        }
        self.seen |= bit;
        Order::Late
    }
}

/// A payload that came, with its protection checked and taken off.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) kind: PayloadType,
    pub(super) payload: Vec<u8>,
    pub(super) order: Order,
}

/// An open session.
pub struct Session {
    socket: UdpSocket,
    random: SystemRandom,
    keys: Keys,
    suite: Suite,
    managed_id: u32,
    console_id: u32,
    sent: u32,
    received: Received,
    sequence: u8,
    buffer: Vec<u8>,
}

impl Session {
    /// Logs in as an administrator with name-only look-up, as ipmitool does.
    ///
    /// # Errors
    /// Whatever is not as the specification wants it, and an answer that does not come.
    pub fn open(login: &Login) -> Result<Self> {
        let unspecified: SocketAddr = if login.address.is_ipv4() {
            SocketAddr::from(([0, 0, 0, 0], 0))
        } else {
            SocketAddr::from(([0u16; 8], 0))
        };
        let socket = UdpSocket::bind(unspecified)?;
        socket.connect(login.address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Handshake { socket, random: SystemRandom::new(), login }.run()
    }

    /// The managed system's session ID.
    pub fn id(&self) -> u32 {
        self.managed_id
    }

    /// Sends `request` and gives the completion code and data of its answer. Other payloads and the BMC's own requests that come before it are dropped.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn execute(&mut self, request: &Request) -> Result<(u8, Vec<u8>)> {
        self.sequence = (self.sequence + 1) & 0x3F;
        let message = LanMessage {
            to: lan_message::BMC,
            to_lun: Lun::BMC,
            net_fn: request.net_fn,
            from: CONSOLE,
            from_lun: Lun::BMC,
            sequence: self.sequence,
            command: request.command,
            data: &request.data,
        };
        let mut plain = Vec::with_capacity(64);
        message.emit(&mut plain);
        self.send(PayloadType::IPMI, &plain)?;
        let deadline = Instant::now() + PATIENCE;
        let opened = loop {
            let opened = self.receive(deadline)?.context("no answer")?;
            if opened.kind == PayloadType::IPMI && LanMessage::parse(&opened.payload)?.net_fn.is_response() {
                break opened;
            }
        };
        ensure!(opened.order == Order::Newest, "an answer that came again or late");
        let answer = LanMessage::parse(&opened.payload)?;
        ensure!(answer.sequence == self.sequence, "an answer to request {}", answer.sequence);
        ensure!(
            answer.net_fn == request.net_fn.response() && answer.command == request.command,
            "another command"
        );
        ensure!(answer.to == CONSOLE && answer.from == lan_message::BMC, "wrong addresses");
        match answer.data {
            [code, data @ ..] => Ok((*code, data.to_vec())),
            [] => bail!("an answer without a completion code"),
        }
    }

    /// Waits for a request of the host's software and answers it with `data`, completion code first; what was asked.
    ///
    /// # Errors
    /// As [`Session::open`], and a message that is none of the host's requests.
    pub fn answer_host(&mut self, data: &[u8]) -> Result<Request> {
        let opened = self.receive(Instant::now() + PATIENCE)?.context("no request")?;
        ensure!(opened.kind == PayloadType::IPMI && opened.order == Order::Newest, "no new IPMI message");
        let message = LanMessage::parse(&opened.payload)?;
        ensure!(message.to == CONSOLE && message.is_from_host(), "wrong addresses");
        ensure!(!message.net_fn.is_response(), "a response");
        let mut plain = Vec::with_capacity(64);
        message.response(data).emit(&mut plain);
        self.send(PayloadType::IPMI, &plain)?;
        Ok(Request { net_fn: message.net_fn, command: message.command, data: message.data.to_vec() })
    }

    /// Closes the session.
    ///
    /// # Errors
    /// As [`Session::execute`], and a completion code that is not 0.
    pub fn close(mut self) -> Result<()> {
        let data = self.managed_id.to_le_bytes().to_vec();
        let (code, _) = self.execute(&Request { net_fn: NetFn::APP, command: 0x3C, data })?;
        ensure!(code == 0, "Close Session completed with {code:02X}h");
        Ok(())
    }

    /// Sends `plain` as a payload of `kind`, encrypted and authenticated.
    pub(super) fn send(&mut self, kind: PayloadType, plain: &[u8]) -> Result<()> {
        let packet = self.seal(kind, plain)?;
        self.socket.send(&packet)?;
        Ok(())
    }

    /// The next payload, if one comes until `deadline`.
    pub(super) fn receive(&mut self, deadline: Instant) -> Result<Option<Opened>> {
        // The kernel counts in ticks, and takes no 0.
        let wait = deadline.saturating_duration_since(Instant::now()).max(Duration::from_micros(1));
        self.socket.set_read_timeout(Some(wait))?;
        match self.socket.recv(&mut self.buffer) {
            Ok(length) => {
                let datagram = self.buffer.get(..length).unwrap_or_default().to_vec();
                self.unseal(&datagram).map(Some)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn seal(&mut self, kind: PayloadType, plain: &[u8]) -> Result<Vec<u8>> {
        let mut iv = [0; 16];
        fill(&self.random, &mut iv)?;
        let payload = self.keys.encrypt(plain, iv);
        self.sent += 1;
        let header = rmcp_plus::Header {
            encrypted: true,
            authenticated: true,
            payload_type: kind,
            session_id: self.managed_id,
            sequence: self.sent,
        };
        let mut packet = framed(header, &payload)?;
        rmcp_plus::emit_trailer(rmcp::Header::LENGTH, &mut packet);
        let code = self.keys.code(packet.get(rmcp::Header::LENGTH..).unwrap_or_default());
        packet.extend(code);
        Ok(packet)
    }

    fn unseal(&mut self, datagram: &[u8]) -> Result<Opened> {
        let packet = unframed(datagram)?;
        let header = packet.header;
        ensure!(header.encrypted && header.authenticated, "a packet without the agreed protection");
        ensure!(header.session_id == self.console_id, "a packet of session {:08X}", header.session_id);
        let authenticated = packet.authenticated(self.suite.code_length())?;
        ensure!(self.keys.code(authenticated.covered) == authenticated.code, "a wrong AuthCode");
        let order = self.received.note(header.sequence);
        Ok(Opened { kind: header.payload_type, payload: self.keys.decrypt(packet.payload)?, order })
    }
}

struct Handshake<'a> {
    socket: UdpSocket,
    random: SystemRandom,
    login: &'a Login,
}

impl Handshake<'_> {
    fn run(self) -> Result<Session> {
        let suite = self.login.suite;
        let mut console_id = [0; 4];
        fill(&self.random, &mut console_id)?;
        let console_id = u32::from_le_bytes(console_id) | 1;
        let managed_id = self.open_session(console_id)?;

        let role = Role(0x14);
        let mut console_random = [0; 16];
        fill(&self.random, &mut console_random)?;
        let name = self.login.user.as_slice();
        let message = Rakp1 { tag: 1, managed_session_id: managed_id, console_random, role, user_name: name };
        let payload = self.exchange(PayloadType::RAKP_1, |out| message.emit(out))?;
        let Rakp2::Accepted { tag: 1, console_session_id, managed_random, managed_guid, code } =
            Rakp2::parse(&payload)?
        else {
            bail!("RAKP message 1 was refused")
        };
        ensure!(console_session_id == console_id, "RAKP message 2 for another session");
        let name_length = u8::try_from(name.len()).context("the user name is too long")?;
        let who: [&[u8]; 3] = [&[role.0], &[name_length], name];
        let (console, managed) = (console_id.to_le_bytes(), managed_id.to_le_bytes());
        let key = self.login.password.as_slice();
        let expected = suite.hmac(
            key,
            &[&console, &managed, &console_random, &managed_random, &managed_guid, who[0], who[1], who[2]],
        );
        ensure!(self.login.persistent || code == expected, "the BMC does not know the password");

        let proof = suite.hmac(key, &[&managed_random, &console, who[0], who[1], who[2]]);
        let message = Proof { tag: 2, status: Status::OK, session_id: managed_id, code: &proof };
        let payload = self.exchange(PayloadType::RAKP_3, |out| message.emit(out))?;
        let last = Proof::parse(&payload)?;
        ensure!(last.tag == 2 && last.status == Status::OK, "RAKP message 3 was refused: {:?}", last.status);
        let session_key = suite.hmac(key, &[&console_random, &managed_random, who[0], who[1], who[2]]);
        let mut check = suite.hmac(&session_key, &[&console_random, &managed, &managed_guid]);
        check.truncate(suite.code_length());
        ensure!(last.code == check, "a wrong integrity check value in RAKP message 4");
        let mut session = Session {
            keys: Keys::derive(suite, &session_key)?,
            socket: self.socket,
            random: self.random,
            suite,
            managed_id,
            console_id,
            sent: 0,
            received: Received::default(),
            sequence: 0,
            buffer: vec![0; 2048],
        };
        let (code, _) = session.execute(&Request { net_fn: NetFn::APP, command: 0x3B, data: vec![4] })?;
        ensure!(code == 0, "Set Session Privilege Level completed with {code:02X}h");
        Ok(session)
    }

    fn open_session(&self, console_session_id: u32) -> Result<u32> {
        let (authentication, integrity, confidentiality) = self.login.suite.algorithms();
        let proposal = Proposal {
            authentication: Some(AuthenticationAlgorithm(authentication)),
            integrity: Some(IntegrityAlgorithm(integrity)),
            confidentiality: Some(ConfidentialityAlgorithm(confidentiality)),
        };
        let message = OpenSessionRequest { tag: 0, max_privilege: 4, console_session_id, proposal };
        let payload = self.exchange(PayloadType::OPEN_SESSION_REQUEST, |out| message.emit(out))?;
        match OpenSessionResponse::parse(&payload)? {
            OpenSessionResponse::Accepted {
                managed_session_id, console_session_id: echoed, agreed, ..
            } => {
                ensure!(
                    echoed == console_session_id && agreed == proposal,
                    "another session or other algorithms"
                );
                Ok(managed_session_id)
            }
            OpenSessionResponse::Refused(refusal) => bail!("the session was refused: {:?}", refusal.status),
        }
    }

    fn exchange(&self, kind: PayloadType, emit: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<u8>> {
        let mut payload = Vec::new();
        emit(&mut payload);
        self.socket.send(&framed(rmcp_plus::Header::sessionless(kind), &payload)?)?;
        let mut buffer = [0; 512];
        let length = self.socket.recv(&mut buffer).context("no answer")?;
        let packet = unframed(buffer.get(..length).unwrap_or_default())?;
        let answer_kind = packet.header.payload_type.value();
        ensure!(
            answer_kind == kind.value() + 1,
            "payload type {answer_kind:02X}h in answer to {:02X}h",
            kind.value()
        );
        Ok(packet.payload.to_vec())
    }
}

fn framed(header: rmcp_plus::Header, payload: &[u8]) -> Result<Vec<u8>> {
    let mut packet = Vec::with_capacity(payload.len() + 48);
    rmcp::Header::IPMI.emit(&mut packet);
    header.emit(u16::try_from(payload.len())?, &mut packet);
    packet.extend(payload);
    Ok(packet)
}

fn unframed(datagram: &[u8]) -> Result<rmcp_plus::Packet<'_>> {
    let (header, rest) = rmcp::Header::parse(datagram)?;
    ensure!(header.class == rmcp::Class::IPMI, "a datagram of class {:?}", header.class);
    Ok(rmcp_plus::Packet::parse(rest)?)
}

fn fill(random: &SystemRandom, bytes: &mut [u8]) -> Result<()> {
    random.fill(bytes).ok().context("the kernel gave no random bytes")
}
