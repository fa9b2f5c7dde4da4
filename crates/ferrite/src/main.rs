//! Ferrite: one executable for every daemon, and `ferrite ctl` for people.
//!
//! One file on flash, one text segment in memory. A daemon is picked by the name the executable was called by (the image has a
//! symlink per daemon) or by the first argument.

mod ctl;

use std::{env, ffi::OsString, path::Path, process::ExitCode};

use bmc_daemon::Daemon;

const DAEMONS: [Daemon; 8] = [
    ipmid::DAEMON,
    netipmid::DAEMON,
    kcsbridged::DAEMON,
    sensord::DAEMON,
    powerd::DAEMON,
    seld::DAEMON,
    userd::DAEMON,
    networkd::DAEMON,
    consoled::DAEMON,
];

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let called = arguments.next().unwrap_or_default();
    let called = Path::new(&called).file_name().unwrap_or_default().to_owned();
    if let Some(daemon) = find(&called) {
        return bmc_daemon::main(daemon, arguments);
    }
    let Some(subcommand) = arguments.next() else {
        eprint!("{}", usage());
        return ExitCode::from(2);
    };
    if subcommand == "--help" || subcommand == "-h" || subcommand == "help" {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    if subcommand == "--version" {
        println!("ferrite {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    if subcommand == "ctl" {
        return ctl::main(arguments);
    }
    match find(&subcommand) {
        Some(daemon) => bmc_daemon::main(daemon, arguments),
        None => {
            eprintln!(
                "ferrite: no daemon or command is called `{}`\nhint: ferrite --help",
                subcommand.to_string_lossy()
            );
            ExitCode::from(2)
        }
    }
}

fn find(name: &OsString) -> Option<&'static Daemon> {
    static TABLE: [Daemon; DAEMONS.len()] = DAEMONS;
    TABLE.iter().find(|daemon| name == daemon.name)
}

fn usage() -> String {
    let mut text = String::from(
        "Ferrite, a BMC management stack\n\nusage: ferrite <daemon> [options]\n       ferrite ctl <command> [options]\n\ndaemons:\n",
    );
    for daemon in &DAEMONS {
        text.push_str(&format!("  {:<10} {}\n", daemon.name, daemon.about));
    }
    text.push_str("\n`ferrite <daemon> --help` and `ferrite ctl --help` say more.\n");
    text
}
