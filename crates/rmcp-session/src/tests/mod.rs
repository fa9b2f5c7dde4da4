//! Stories: clients and an endpoint with a virtual clock and a network that tests take apart.

#![allow(clippy::cast_possible_truncation, reason = "the client's lengths are chosen by the tests")]

mod bridged;
mod client;
mod floods;
mod golden;
mod login;
mod packets;
mod requests;
mod sol;
mod sol_activation;
mod sol_lines;
mod sol_network;
mod world;
