//! `cargo xtask <command>`.

use std::{ffi::OsString, process::ExitCode};

struct Subcommand {
    name: &'static str,
    about: &'static str,
    run: fn(Vec<OsString>) -> anyhow::Result<()>,
}

const SUBCOMMANDS: [Subcommand; 9] = [
    Subcommand { name: "setup", about: "install what building and testing need", run: xtask::setup::main },
    Subcommand {
        name: "demo",
        about: "Ferrite on a simulated board, for ipmitool to talk to",
        run: xtask::demo::main,
    },
    Subcommand {
        name: "test",
        about: "set up what is missing, then check and test everything",
        run: xtask::test::main,
    },
    Subcommand {
        name: "qemu",
        about: "Ferrite on an emulated AST2600, from nothing to an answering BMC",
        run: xtask::qemu::main,
    },
    Subcommand {
        name: "load",
        about: "what a release build takes in time, processor and memory, beside its targets",
        run: xtask::load::main,
    },
    Subcommand {
        name: "bench",
        about: "Ferrite beside OpenIPMI's ipmi_sim, and the hot paths in instructions",
        run: xtask::bench::main,
    },
    Subcommand {
        name: "size",
        about: "what the executable takes of the flash, for each processor, beside its budget",
        run: xtask::size::main,
    },
    Subcommand {
        name: "yocto",
        about: "the crates that the Yocto layer's recipe fetches",
        run: xtask::yocto::main,
    },
    Subcommand { name: "deny", about: "licences and duplicates of the dependencies", run: xtask::deny::main },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some(subcommand) = SUBCOMMANDS.iter().find(|subcommand| name == subcommand.name) else {
        eprint!("{}", usage());
        return if name == "--help" || name == "-h" { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    match (subcommand.run)(arguments.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {}: {error:#}", subcommand.name);
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask <command> [options]\n\ncommands:\n");
    for subcommand in &SUBCOMMANDS {
        text.push_str(&format!("  {:<6} {}\n", subcommand.name, subcommand.about));
    }
    text.push_str("\n`cargo xtask <command> --help` says more.\n");
    text
}
