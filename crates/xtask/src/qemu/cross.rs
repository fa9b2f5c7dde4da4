//! The executable for the processors of ASPEED's BMCs.

use std::path::PathBuf;

use anyhow::Result;

use super::{cache, tool_root::ToolRoot};
use crate::{
    step::step,
    workspace::{output, run},
};

/// A chip, as what is to be known to build for it.
pub(crate) struct Soc {
    /// Its name in lower case.
    pub(crate) name: &'static str,
    /// Rust's name for it.
    pub(crate) target: &'static str,
    /// The prefix of Debian's cross tools, and the folder of its libraries.
    gnu: &'static str,
    /// The name of the build directory in the cache.
    cache: &'static str,
    /// What is said to rustc beside [`FLAGS`].
    flags: &'static str,
    /// Where the standard library comes from.
    library: Library,
    /// The name of its processor in QEMU's user emulation.
    processor: &'static str,
    /// Instructions, as an extended regular expression, that the processor does not have and no emulation of it refuses.
    absent: &'static str,
}

/// When the standard library is built for a chip. Debian's is there for ARMv7 alone.
enum Library {
    /// With the program, by cargo.
    WithProgram,
    /// Before it, into a folder of its own: libsystemd-sys' build script links a program for the chip, and does not wait for cargo.
    Before,
}

/// What is said to rustc for every chip; the Yocto layer's recipe says it too. A panic ends the process: nothing unwinds. The linker puts
/// functions in the order of their names: what was made from one generic function stands together, and one block of a squashfs has it.
/// Without a word on mangling, names would depend on the compiler's channel.
pub const FLAGS: &str =
    "-C force-unwind-tables=no -C symbol-mangling-version=v0 -C link-arg=-Wl,--sort-section=name";

/// Cortex-A7, whose floating-point unit has sixteen registers and no NEON. Debian's compiler takes thirty-two for granted, in the
/// standard library that it ships too (parsing an `f64` there is an illegal instruction), so the library is built here. Thumb-2 is the
/// processor's shorter instruction set: a third less flash and cache for the same program.
pub(crate) const AST2600: Soc = Soc {
    name: "ast2600",
    target: "armv7-unknown-linux-gnueabihf",
    gnu: "arm-linux-gnueabihf",
    cache: "armv7",
    flags: "-C target-feature=+thumb-mode,-d32,-neon",
    library: Library::WithProgram,
    processor: "cortex-a7",
    absent: r"\b(d1[6-9]|d2[0-9]|d3[01])\b",
};

/// ARM1176JZ-S: ARMv6 with no floating-point unit at all. Debian's armel is ARMv5 with the same calling convention.
pub(crate) const AST2500: Soc = Soc {
    name: "ast2500",
    target: "arm-unknown-linux-gnueabi",
    gnu: "arm-linux-gnueabi",
    cache: "armv6",
    flags: "-C target-cpu=arm1176jz-s",
    library: Library::Before,
    processor: "arm1176",
    absent: r"[[:space:]](v(ldr|str|mov|add|sub|mul|div|cvt)[^[:space:]]*|movw|movt|[us]div|dmb|bfi|ubfx)[[:space:]]",
};

/// The executable as it was linked, and as an image has it.
pub(crate) struct Executable {
    /// Its folder, outside the root.
    folder: PathBuf,
    /// Without its symbols.
    pub(crate) stripped: PathBuf,
}

impl ToolRoot {
    /// Cross-builds the `ferrite` executable and tries it on the chip's processor.
    ///
    /// # Errors
    /// Where it does not build, or has instructions that the processor has not.
    pub(crate) fn build_ferrite(&self, soc: &Soc) -> Result<Executable> {
        self.trust_the_machines_certificates()?;
        let shared = cache::root()?.join(soc.cache);
        let Soc { name, target, gnu, processor, absent, .. } = soc;
        // With symbols, which say where the code is ARM's, Thumb's, or no code. ring asks the kernel what there is before it uses NEON.
        let script = format!(
            "{build}; cd /shared/target/{target}/release; {gnu}-strip --strip-all -o ferrite-stripped ferrite; \
             {gnu}-objdump --disassemble --no-show-raw-insn ferrite \
             | sed '/<ring_core[^>]*>:$/,/^$/d' | grep --max-count=1 --extended-regexp '{absent}' \
             && {{ echo 'the executable has an instruction that the {name} has not' >&2; exit 1; }}; \
             qemu-arm -cpu {processor} ./ferrite-stripped --version",
            build = build(soc),
        );
        step(&format!("ferrite for {name} (release)"), || run(&mut self.command(&shared, &script)?))?;
        let folder = shared.join(format!("target/{target}/release"));
        Ok(Executable { stripped: folder.join("ferrite-stripped"), folder })
    }

    /// The symbols of `executable`, a line for each with its size in decimal and its name as the source has it.
    ///
    /// # Errors
    /// Where nm fails.
    pub(crate) fn symbols(&self, soc: &Soc, executable: &Executable) -> Result<String> {
        let script =
            format!("{}-nm --print-size --radix=d --demangle=rust --defined-only /shared/ferrite", soc.gnu);
        output(&mut self.command(&executable.folder, &script)?)
    }
}

/// The shell's words that build for `soc`, inside the root. Symbols stay, so that `cargo xtask size` can say whose the bytes are.
fn build(soc: &Soc) -> String {
    let Soc { target, gnu, flags, .. } = soc;
    let variable = target.to_uppercase().replace('-', "_");
    let (before, flags, library) = match soc.library {
        Library::WithProgram => (
            String::new(),
            format!("{flags} {FLAGS}"),
            "-Z build-std=std,panic_abort -Z build-std-features=optimize_for_size",
        ),
        Library::Before => {
            (library(soc), format!("{flags} {FLAGS} -C panic=abort --sysroot /shared/sysroot"), "")
        }
    };
    format!(
        "export CARGO_HOME=/shared/cargo RUSTC_BOOTSTRAP=1; {before} \
         export CARGO_TARGET_DIR=/shared/target CARGO_PROFILE_RELEASE_STRIP=none PKG_CONFIG_ALLOW_CROSS=1 PKG_CONFIG=/usr/bin/pkgconf \
         PKG_CONFIG_LIBDIR=/usr/lib/{gnu}/pkgconfig CARGO_TARGET_{variable}_LINKER={gnu}-gcc RUSTFLAGS='{flags}'; \
         cd /src; cargo build --locked --release --target {target} {library} --package ferrite"
    )
}

/// The shell's words that build the standard library for `soc` into `/shared/sysroot`, where that is not of this compiler.
fn library(soc: &Soc) -> String {
    let Soc { target, flags, .. } = soc;
    // An empty crate: what it depends on is the library. A folder that has libraries of two compilers is of no use to either.
    format!(
        "mkdir -p /shared/library/src; cd /shared/library; compiler=\"$(rustc -vV) {flags} {FLAGS}\"; \
         if [ \"$(cat compiler 2>/dev/null)\" != \"$compiler\" ]; then \
         rm -rf target /shared/sysroot; mkdir -p /shared/sysroot/lib/rustlib/{target}/lib; : > src/lib.rs; \
         printf '[package]\\nname = \"empty\"\\nedition = \"2024\"\\n[profile.release]\\npanic = \"abort\"\\n[workspace]\\n' > Cargo.toml; \
         RUSTFLAGS='{flags} {FLAGS} -C embed-bitcode=yes' cargo build --release --target {target} --target-dir target \
         -Z build-std=std,panic_abort -Z build-std-features=optimize_for_size; \
         cp target/{target}/release/deps/lib*.rlib /shared/sysroot/lib/rustlib/{target}/lib; \
         printf %s \"$compiler\" > compiler; fi;"
    )
}
