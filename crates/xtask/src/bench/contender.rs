//! Who is measured: Ferrite with each cipher suite, and `ipmi_sim`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    ipmi_sim::{self, IpmiSim},
    options::Options,
    table::{COLUMNS, Column},
};
use crate::{
    demo::{self, Mode, Stack},
    load::{
        SIMULATED,
        board::{self, Console},
        usage::Processes,
    },
    step::step,
    workspace,
};

/// A server that is measured.
pub(super) struct Contender {
    pub(super) column: Column,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password_file: PathBuf,
    pub(super) servers: Processes,
}

/// Each column's.
pub(super) fn contenders(stack: &Stack, peer: &IpmiSim) -> Vec<Contender> {
    let about = stack.description();
    let mut ours = about.daemons.clone();
    ours.remove(SIMULATED);
    let of = |column| match column {
        Column::Ferrite17 | Column::Ferrite3 => Contender {
            column,
            port: about.port,
            user: about.user.clone(),
            password_file: stack.password_file(),
            servers: ours.clone(),
        },
        Column::IpmiSim3 => Contender {
            column,
            port: peer.port,
            user: ipmi_sim::USER.to_owned(),
            password_file: peer.password_file(),
            servers: Processes::from([("ipmi_sim".to_owned(), peer.pid())]),
        },
    };
    COLUMNS.map(of).into()
}

/// Ferrite on a board of its own, with room for the sessions that are measured.
///
/// # Errors
/// Where it does not build or start.
pub(super) fn start_ferrite(options: &Options, sensors: usize) -> anyhow::Result<Stack> {
    let boards = workspace::target_dir(true)?.with_file_name("bench-board");
    board::write(&boards, sensors, Console::Fast)?;
    fs::write(boards.join("netipmid.toml"), "sessions = 48\nsessions_per_user = 48\n")?;
    let defaults = demo::Options::default();
    let state_dir = defaults.state_dir.with_file_name(format!("ferrite-bench-{}", nix::unistd::geteuid()));
    let cipher_suites = vec![17, 3];
    let board = boards.join("sim.toml");
    let demo = demo::Options { mode: Mode::Tied, release: true, board, state_dir, cipher_suites, ..defaults };
    match &options.binaries {
        Some(binaries) => step("starting", || Stack::start(&demo, Path::new(binaries))),
        None => demo::start(&demo),
    }
}
