//! FreeIPMI.

use std::process::Command;

use system_tests::Answer;
use xtask::demo::Description;

/// A FreeIPMI tool against `stack`, with one packet of each kind.
pub(crate) fn freeipmi(program: &str, stack: &Description, words: &[&str]) -> Answer {
    let path = xtask::workspace::which(program)
        .unwrap_or_else(|| panic!("{program} is not there\nhint: cargo xtask setup"));
    let mut command = Command::new(path);
    command.args(["-D", "LAN_2_0", "-h", &format!("{}:{}", stack.host, stack.port), "-u", &stack.user]);
    command.args(["-p", &stack.password, "-I", "17", "-l", "ADMIN", "--session-timeout=4000"]);
    // As long as the session: no packet is sent twice.
    command.args(["--retransmission-timeout=3999"]).args(words);
    // Its cache is filed by host and port: the one in the home directory may be of an earlier stack on the same port.
    let cache = tempfile::tempdir().unwrap();
    let has_its_own = words.contains(&"--sdr-cache-directory");
    if ["ipmi-sensors", "ipmi-sel", "ipmi-fru", "ipmi-pet"].contains(&program) && !has_its_own {
        command.arg("--sdr-cache-directory").arg(cache.path());
    }
    Answer::of(command)
}

/// The same for a tool that lists sensors or events; it must succeed.
pub(crate) fn freeipmi_with_sensors(program: &str, stack: &Description, words: &[&str]) -> Answer {
    let answer = freeipmi(program, stack, &[&["--quiet-cache"], words].concat());
    assert!(answer.success, "{program} {words:?}: {answer:#?}");
    answer
}
