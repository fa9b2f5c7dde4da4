//! ipmitool's shell: one session for many commands.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::Ipmitool;

/// A session that stays open until this goes.
pub(crate) struct Shell {
    client: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    /// Logs in.
    pub(crate) fn open(client: &Ipmitool) -> Self {
        let shell = client.command("shell");
        // Into a pipe, ipmitool would keep what it says until there is a lot of it.
        let mut command = Command::new("stdbuf");
        command.arg("-oL").arg(shell.get_program()).args(shell.get_args());
        command.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
        Self { client, input, output: BufReader::new(output) }
    }

    /// Sends `words` and waits for the line that holds `wanted`.
    pub(crate) fn ask(&mut self, words: &str, wanted: &str) -> String {
        writeln!(self.input, "{words}").unwrap();
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line).unwrap();
            assert!(length > 0, "ipmitool ended before it said `{wanted}` to `{words}`");
            if line.contains(wanted) {
                return line;
            }
        }
    }

    /// The local port of its socket, by the kernel's account.
    pub(crate) fn port(&self) -> u16 {
        let process = format!("/proc/{}", self.client.id());
        let open = std::fs::read_dir(format!("{process}/fd")).unwrap().flatten();
        let targets: Vec<_> = open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).collect();
        let sockets: Vec<_> = ["udp", "udp6"]
            .map(|table| std::fs::read_to_string(format!("{process}/net/{table}")).unwrap_or_default())
            .join("\n")
            .lines()
            .map(|line| line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let is_ours = |row: &&Vec<String>| {
            row.get(9).is_some_and(|inode| {
                targets.iter().any(|target| target.as_os_str() == format!("socket:[{inode}]").as_str())
            })
        };
        let row = sockets.iter().find(is_ours).expect("an open shell has a socket");
        u16::from_str_radix(row[1].rsplit(':').next().unwrap(), 16).unwrap()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
