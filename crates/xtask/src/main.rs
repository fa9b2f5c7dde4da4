//! The repository's own commands: setup, demo, test, qemu

mod qemu;

fn repository() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn main() -> anyhow::Result<()> {
    qemu::main(std::env::args_os().skip(2))
}
