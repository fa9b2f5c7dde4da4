//! `cargo xtask qemu`: Ferrite on an emulated AST2600, from nothing to an answering BMC.

mod board;
pub(crate) mod cache;
pub(crate) mod cross;
mod image;
mod parts;
pub(crate) mod tool_root;

use std::{
    ffi::OsString,
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::{
    step::step,
    workspace::{cargo, run},
};
use board::{Board, Sockets};
pub use cross::FLAGS;
use tool_root::ToolRoot;

/// How long a board may take until it answers: half a minute on an idle machine with two cores.
const BOOT_DEADLINE: Duration = Duration::from_secs(600);

const USER: &str = "operator";

const USAGE: &str = "\
usage: cargo xtask qemu [test [FILTER]] [--keep] [--detach --json] [--stop] [--port N] [--executable FILE]

Cross-builds Ferrite for armv7, packs it with systemd and D-Bus into an image, boots QEMU's ast2600-evb on it, and prints the
ipmitool lines that reach it. The first run makes a tool root of about 2.6 GB in the cache ($XDG_CACHE_HOME/ferrite).

  test             boot the board, run tests/silicon (those whose name holds FILTER) against it, end it
  --keep           leave the board running when this ends; its serial console has a root shell
  --detach --json  return when the board answers, and print one JSON object: host, port, user, password, sockets, pid
  --stop           end a detached board and remove what it made
  --port N         the UDP port on 127.0.0.1 that is the board's port 623 (default: 623 of another loopback address)
  --executable FILE  what the image holds, in place of a fresh cross build
";

#[derive(Default)]
struct Options {
    test: bool,
    filter: Option<String>,
    keep: bool,
    executable: Option<PathBuf>,
    detach: bool,
    json: bool,
    stop: bool,
    port: Option<u16>,
}

/// Runs the subcommand with the arguments behind `qemu`.
///
/// # Errors
/// What could not be made, started or reached.
pub fn main(arguments: Vec<OsString>) -> Result<()> {
    let options = parse(arguments)?;
    let work = cache::root()?.join("board");
    if options.stop {
        return stop(&work);
    }
    let password = fresh_password()?;
    let account = image::Account { name: USER, password: &password };
    let tools = ToolRoot::prepare()?;
    let kernel = tools.kernel()?;
    let ferrite = match options.executable {
        Some(file) => file,
        None => tools.build_ferrite(&cross::AST2600)?.stripped,
    };
    private_directory(&work)?;
    let image = image::build(&tools, &kernel, &ferrite, &account, &work)?;
    let address = match options.port {
        Some(port) => SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
        None => board::own_address(),
    };
    let password_file = work.join("password");
    write_secret(&password_file, &password)?;

    let mut board = Board::start(&tools, &kernel, &image, &work, address)?;
    let power_on = Instant::now();
    let ready = step("ast2600-evb: power on until the LAN answers", || {
        wait_until_it_answers(&mut board, address, &password_file)
    });
    if let Err(error) = ready {
        board.power_cut()?;
        return Err(error);
    }
    let mut facts = json!({
        "host": address.ip(), "port": address.port(), "user": USER, "password_file": password_file,
        "sockets": board.sockets(), "pid": board.pid(), "boot_seconds": power_on.elapsed().as_secs_f64(),
        "executable": ferrite, "image": image,
    });
    if options.test {
        let result = run_tests(&facts.to_string(), options.filter.as_deref());
        if !options.keep {
            board.power_cut()?;
            return result;
        }
        print_lines(address, &password_file, board.sockets());
        return result;
    }
    if options.json {
        facts["password"] = password.clone().into();
        println!("{facts}");
    } else {
        print_lines(address, &password_file, board.sockets());
    }
    if !options.detach && !options.keep {
        eprintln!("\nctrl-c, or `cargo xtask qemu --stop` in another terminal, ends the board");
        while board.check().is_ok() {
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    Ok(())
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Options> {
    use lexopt::prelude::{Long, Short, Value, ValueExt as _};
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) if word == "test" => options.test = true,
            Value(filter) if options.test => options.filter = Some(filter.string()?),
            Long("keep") => options.keep = true,
            Long("executable") => options.executable = Some(parser.value()?.into()),
            Long("detach") => options.detach = true,
            Long("json") => options.json = true,
            Long("stop") => options.stop = true,
            Long("port") => options.port = Some(parser.value()?.parse()?),
            Short('h') | Long("help") => {
                print!("{USAGE}");
                std::process::exit(0);
            }
            other => bail!("{}\nhint: cargo xtask qemu --help", other.unexpected()),
        }
    }
    Ok(options)
}

/// A login with ipmitool is what an operator would see; nothing less counts as an answer.
fn wait_until_it_answers(board: &mut Board, address: SocketAddrV4, password_file: &Path) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < BOOT_DEADLINE {
        board.check()?;
        let answer = Command::new("ipmitool")
            .args(["-I", "lanplus", "-N", "2", "-R", "1", "-C", "17", "-U", USER])
            .args(["-H", &address.ip().to_string(), "-p", &address.port().to_string(), "-f"])
            .arg(password_file)
            .args(["mc", "info"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("cannot run ipmitool\nhint: `cargo xtask setup` installs it")?;
        if answer.success() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    bail!(
        "no answer within {BOOT_DEADLINE:?}\nhint: the board's console is in {}",
        board.sockets().console_log.display()
    )
}

fn run_tests(facts: &str, filter: Option<&str>) -> Result<()> {
    let mut cargo = cargo();
    cargo.args([
        "test",
        "--package",
        "system-tests",
        "--test",
        "silicon",
        "--",
        "--ignored",
        "--test-threads=1",
    ]);
    cargo.args(filter);
    step("tests on the emulated board", || run(cargo.env("FERRITE_BOARD", facts)))
}

fn print_lines(address: SocketAddrV4, password_file: &Path, sockets: &Sockets) {
    let (host, port, password_file) = (address.ip(), address.port(), password_file.display());
    let login = format!("ipmitool -I lanplus -C 17 -H {host} -p {port} -U {USER} -f {password_file}");
    println!("the emulated ast2600-evb answers; try\n");
    for line in
        ["mc info", "sdr elist", "sensor list", "chassis status", "fru print", "lan print 1", "sol activate"]
    {
        println!("  {login} {line}");
    }
    println!("\nits serial console, with a root shell:\n\n  nc -U {}", sockets.console.display());
}

fn stop(work: &Path) -> Result<()> {
    let socket = work.join("qmp.sock");
    if socket.exists() && board::quit(&socket).is_ok() {
        eprintln!("the board is off");
    }
    if work.exists() {
        run(as_root("rm").args(["--recursive", "--force", "--one-file-system"]).arg(work))?;
    }
    Ok(())
}

/// The board's directory holds its account's password, in a file and in the image.
fn private_directory(work: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(work)?;
    fs::set_permissions(work, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("cannot close {} to others", work.display()))
}

fn fresh_password() -> Result<String> {
    use std::io::Read as _;
    let mut random = [0_u8; 8];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .context("no randomness")?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write_secret(path: &PathBuf, secret: &str) -> Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let _ = fs::remove_file(path);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// `program`, as root: directly where we are, through sudo elsewhere (chroot and device nodes need it).
pub fn as_root(program: &str) -> Command {
    // The owner of our own /proc entry is who we are.
    let root = fs::metadata("/proc/self").is_ok_and(|entry| std::os::unix::fs::MetadataExt::uid(&entry) == 0);
    if root {
        Command::new(program)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg(program);
        sudo
    }
}
