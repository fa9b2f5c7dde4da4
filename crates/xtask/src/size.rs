//! `cargo xtask size`: what the executable takes of the flash, beside its budget.

use std::{collections::BTreeMap, ffi::OsString, fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{
    qemu::{
        cross::{AST2500, AST2600, Soc},
        tool_root::ToolRoot,
    },
    workspace::run,
};

const USAGE: &str = "\
builds the executable for the AST2600 and the AST2500, prints its size stripped and as a squashfs, and fails above the budget

usage: cargo xtask size [--soc ast2600|ast2500]
";

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What an executable may take, in bytes.
struct Budget {
    stripped: u64,
    squashfs: u64,
}

/// Each chip with its budget. The AST2500 has none of its own: without Thumb-2 and a floating-point unit the same program is longer.
const BUDGETS: [(&Soc, Option<Budget>); 2] =
    [(&AST2600, Some(Budget { stripped: 3 * MIB + 512 * KIB, squashfs: 13 * MIB / 10 })), (&AST2500, None)];

/// How many crates are named where it is too much.
const NAMED: usize = 15;

/// Runs the command.
///
/// # Errors
/// Where the executable does not build, or is larger than its budget.
pub fn main(arguments: Vec<OsString>) -> Result<()> {
    use lexopt::prelude::{Long, Short, ValueExt as _};
    let mut only: Option<String> = None;
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("soc") => only = Some(parser.value()?.string()?),
            Short('h') | Long("help") => {
                print!("{USAGE}");
                return Ok(());
            }
            other => bail!("{}\nhint: cargo xtask size --help", other.unexpected()),
        }
    }
    let wanted = |soc: &Soc| only.as_ref().is_none_or(|only| only == soc.name);
    let mut chips = BUDGETS.iter().filter(|(soc, _)| wanted(soc)).peekable();
    if chips.peek().is_none() {
        bail!("no such chip: {}\nhint: ast2600 or ast2500", only.unwrap_or_default());
    }
    let tools = ToolRoot::prepare()?;
    let mut over = Vec::new();
    for (soc, budget) in chips {
        over.extend(weigh(&tools, soc, budget.as_ref())?);
    }
    if over.is_empty() { Ok(()) } else { bail!("{}", over.join("\n")) }
}

/// What an executable takes of the flash, in bytes.
pub(crate) struct Weight {
    /// As it is.
    pub(crate) stripped: u64,
    /// Alone in a squashfs.
    pub(crate) squashfs: u64,
}

/// Weighs an executable that has no symbols.
///
/// # Errors
/// Where it cannot be read, or mksquashfs fails.
pub(crate) fn weight(stripped: &Path) -> Result<Weight> {
    let bytes = fs::metadata(stripped).with_context(|| format!("cannot read {}", stripped.display()))?.len();
    Ok(Weight { stripped: bytes, squashfs: squashfs(stripped)? })
}

/// The same of the executable for the AST2600, which is built.
///
/// # Errors
/// Where it does not build.
pub(crate) fn weight_on_flash() -> Result<Weight> {
    weight(&ToolRoot::prepare()?.build_ferrite(&AST2600)?.stripped)
}

/// Prints what the executable for `soc` takes; what to say of it where that is above the budget.
fn weigh(tools: &ToolRoot, soc: &Soc, budget: Option<&Budget>) -> Result<Option<String>> {
    let executable = tools.build_ferrite(soc)?;
    let Weight { stripped, squashfs } = weight(&executable.stripped)?;
    println!("ferrite for {} ({})", soc.name, soc.target);
    let rows = [
        ("stripped", stripped, budget.map(|budget| budget.stripped)),
        ("squashfs-xz", squashfs, budget.map(|budget| budget.squashfs)),
    ];
    let mut over = false;
    for (what, bytes, most) in rows {
        let beside = most.map(|most| format!(" of {}", mebibytes(most))).unwrap_or_default();
        println!("  {what:<12} {}{beside}", mebibytes(bytes));
        over |= most.is_some_and(|most| bytes > most);
    }
    if !over {
        return Ok(None);
    }
    let largest = largest_crates(&tools.symbols(soc, &executable)?);
    Ok(Some(format!("the executable for {} is over its budget; what has most of it:\n{largest}", soc.name)))
}

fn mebibytes(bytes: u64) -> String {
    let hundredths = (bytes * 100 + MIB / 2) / MIB;
    format!("{}.{:02} MiB", hundredths / 100, hundredths % 100)
}

/// How mksquashfs packs a BMC's root file system: what the layer's image asks of it too (`EXTRA_IMAGECMD`).
pub const PACKED: &str = "-b 1M -Xbcj arm,armthumb";

/// The bytes of a file system with `file` alone in it, as an OpenBMC image with the Yocto layer compresses its own.
fn squashfs(file: &Path) -> Result<u64> {
    let directory = tempfile::tempdir()?;
    let image = directory.path().join("squashfs");
    let mut command = Command::new("mksquashfs");
    command.arg(file).arg(&image).args(["-comp", "xz"]).args(PACKED.split_whitespace());
    command.args(["-all-root", "-no-progress", "-quiet", "-no-xattrs", "-nopad"]);
    run(&mut command).context("cannot make a squashfs\nhint: `cargo xtask setup` installs mksquashfs")?;
    Ok(fs::metadata(&image)?.len())
}

/// A line for each of the crates that have most of the executable, in KiB.
fn largest_crates(symbols: &str) -> String {
    let mut crates = by_crate(symbols).into_iter().collect::<Vec<_>>();
    crates.sort_unstable_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let lines = crates.iter().take(NAMED).map(|(name, bytes)| format!("  {:>6} KiB  {name}", bytes / KIB));
    lines.collect::<Vec<_>>().join("\n")
}

/// Bytes of each crate, from nm's lines `<address> <size> <kind> <demangled name>`, numbers in decimal.
fn by_crate(symbols: &str) -> BTreeMap<String, u64> {
    let mut crates = BTreeMap::new();
    for line in symbols.lines() {
        let mut words = line.splitn(4, ' ');
        let (_, size, _, name) = (words.next(), words.next(), words.next(), words.next());
        let (Some(size), Some(name)) = (size.and_then(|size| size.parse::<u64>().ok()), name) else {
            continue;
        };
        *crates.entry(crate_of(name).to_owned()).or_default() += size;
    }
    crates
}

/// The crate of a demangled symbol: `<zbus::Connection as core::fmt::Debug>::fmt` is zbus'.
fn crate_of(symbol: &str) -> &str {
    let Some((before, _)) = symbol.split_once("::") else { return "(C and assembler)" };
    let name = before.rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
    name.filter(|name| !name.is_empty()).unwrap_or("(other)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_for_the_crate_that_wrote_the_function() {
        let symbols = "00066048 00000100 T <zbus::connection::Connection as core::fmt::Debug>::fmt\n\
                       00066148 00000020 t zbus::proxy::Proxy::new\n\
                       00066168 00000007 t <&mut serde_json::de::Deserializer<R> as serde::de::Deserializer>::x\n\
                       00066170 00000003 T memcpy\n\
                       00066180 w _ITM\n";
        let crates = by_crate(symbols);
        let expected = [("(C and assembler)", 3), ("serde_json", 7), ("zbus", 120)];
        assert_eq!(crates, expected.map(|(name, bytes)| (name.to_owned(), bytes)).into());
    }

    #[test]
    fn sizes_are_read_in_mebibytes_and_their_hundredths() {
        assert_eq!(mebibytes(3 * MIB + 512 * KIB), "3.50 MiB");
        assert_eq!(mebibytes(13 * MIB / 10), "1.30 MiB");
    }
}
