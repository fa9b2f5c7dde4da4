//! Datagrams captured from real clients and servers are read, and written again byte for byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{fs, path::Path};

use ipmi_wire::{
    asf,
    codec::{Decode, Encode},
    command::{
        Command,
        session::{GetChannelAuthenticationCapabilities, GetChannelCipherSuites},
    },
    lan_message::LanMessage,
    rakp::{OpenSessionRequest, OpenSessionResponse, Proof, Rakp1, Rakp2},
    rmcp,
    rmcp_plus::{self, Packet, PayloadType},
    session_v15,
};

fn bytes_of(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Every captured datagram with where it is from.
fn captured() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "hex"));
    files.sort();
    let datagrams = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (1..)
            .zip(text.lines())
            .filter_map(|(number, line)| {
                let hex = line.strip_prefix("> ").or_else(|| line.strip_prefix("< "))?;
                Some((format!("{name}:{number}"), bytes_of(hex)))
            })
            .collect::<Vec<_>>()
    };
    files.iter().flat_map(|path| datagrams(path)).collect()
}

/// The datagram, read and written again.
fn rewritten(datagram: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (header, body) = rmcp::Header::parse(datagram).unwrap();
    header.emit(&mut out);
    if header.class == rmcp::Class::ASF {
        asf::Message::parse(body).unwrap().emit(&mut out);
    } else if body.first() == Some(&rmcp_plus::AUTHENTICATION_TYPE) {
        rewrite_packet(body, &mut out);
    } else {
        let packet = session_v15::Packet::parse(body).unwrap();
        let message = rewritten_message(packet.message);
        assert!(session_v15::Packet { message: &message }.emit(&mut out));
    }
    out
}

fn rewrite_packet(body: &[u8], out: &mut Vec<u8>) {
    let packet = Packet::parse(body).unwrap();
    let payload = if packet.header.encrypted { packet.payload.to_vec() } else { rewritten_payload(&packet) };
    let start = out.len();
    packet.header.emit(payload.len().try_into().unwrap(), out);
    out.extend(payload);
    if packet.header.authenticated {
        // SHA-1 codes have 12 bytes, SHA-256 codes 16; only one of them fits the trailer.
        let parts = packet.authenticated(12).or_else(|_| packet.authenticated(16)).unwrap();
        rmcp_plus::emit_trailer(start, out);
        out.extend(parts.code);
    }
}

fn rewritten_payload(packet: &Packet<'_>) -> Vec<u8> {
    let (mut out, payload) = (Vec::new(), packet.payload);
    match packet.header.payload_type {
        PayloadType::IPMI => out = rewritten_message(payload),
        PayloadType::OPEN_SESSION_REQUEST => OpenSessionRequest::parse(payload).unwrap().emit(&mut out),
        PayloadType::OPEN_SESSION_RESPONSE => OpenSessionResponse::parse(payload).unwrap().emit(&mut out),
        PayloadType::RAKP_1 => Rakp1::parse(payload).unwrap().emit(&mut out),
        PayloadType::RAKP_2 => Rakp2::parse(payload).unwrap().emit(&mut out),
        PayloadType::RAKP_3 | PayloadType::RAKP_4 => Proof::parse(payload).unwrap().emit(&mut out),
        other => panic!("{other:?} was not captured"),
    }
    out
}

fn rewritten_message(bytes: &[u8]) -> Vec<u8> {
    let message = LanMessage::parse(bytes).unwrap();
    let data = rewritten_data(&message);
    let mut out = Vec::new();
    LanMessage { data: &data, ..message }.emit(&mut out);
    out
}

/// The data of the commands that clients send before a session, through their types.
fn rewritten_data(message: &LanMessage<'_>) -> Vec<u8> {
    fn both<C: Command>(message: &LanMessage<'_>) -> Vec<u8> {
        if !message.net_fn.is_response() {
            return C::Request::from_bytes(message.data).unwrap().to_bytes();
        }
        let (code, data) = message.data.split_first().unwrap();
        [&[*code], C::Response::from_bytes(data).unwrap().to_bytes().as_slice()].concat()
    }
    match message.command {
        GetChannelAuthenticationCapabilities::CMD => both::<GetChannelAuthenticationCapabilities>(message),
        GetChannelCipherSuites::CMD => both::<GetChannelCipherSuites>(message),
        other => panic!("command {other:02X}h was not captured before a session"),
    }
}

#[test]
fn captured_datagrams_are_written_as_they_were_read() {
    let captured = captured();
    assert!(captured.len() > 100, "the captures are there: {}", captured.len());
    for (place, datagram) in captured {
        assert_eq!(rewritten(&datagram), datagram, "{place}");
    }
}
