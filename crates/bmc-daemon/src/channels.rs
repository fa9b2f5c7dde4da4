//! `channels.toml`: the one table of IPMI channels, read by every daemon that owns or serves one.

use std::path::Path;

use serde::Deserialize;

use crate::config::{ConfigError, Located, read_toml};

/// What carries a channel's messages (v2.0§6.5, table 6-3), as far as OpenBMC has daemons for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelMedium {
    /// IPMB (I2C).
    Ipmb,
    /// 802.3 LAN.
    Lan,
    /// The host's system interface (KCS, BT, SSIF).
    SystemInterface,
    /// Programs on the BMC itself.
    Internal,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Channel number, 0 to 11 or 15 (v2.0§6.3).
    pub number: u8,
    /// The suffix of the owner's bus name: `xyz.openbmc_project.Ipmi.Channel.<name>`.
    pub name: String,
    /// What carries it.
    pub medium: ChannelMedium,
}

/// All channels of the board.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelTable {
    #[serde(rename = "channel", default = "openbmc_channels")]
    channels: Vec<Channel>,
}

/// OpenBMC's default channel_config.json.
fn openbmc_channels() -> Vec<Channel> {
    let channel = |number, name: &str, medium| Channel { number, name: name.to_owned(), medium };
    vec![
        channel(0, "Ipmb", ChannelMedium::Ipmb),
        channel(1, "eth0", ChannelMedium::Lan),
        channel(2, "eth1", ChannelMedium::Lan),
        channel(8, "INTRABMC", ChannelMedium::Internal),
        channel(15, "ipmi_kcs3", ChannelMedium::SystemInterface),
    ]
}

impl ChannelTable {
    /// Reads `channels.toml` in `config_dir`; OpenBMC's defaults where there is none.
    ///
    /// # Errors
    /// [`ConfigError`] for a number that is out of range or used twice, or a name used twice.
    pub fn read(config_dir: &Path) -> Result<Self, ConfigError> {
        let path = config_dir.join("channels.toml");
        let table: Self = read_toml(&path)?;
        for (index, channel) in table.channels.iter().enumerate() {
            let wrong = |message| Located { path: path.clone(), line: 1, message };
            if channel.number > 11 && channel.number != 15 {
                let Channel { number, name, .. } = channel;
                return Err(wrong(format!("channel `{name}`: number {number} is not 0 to 11 or 15")).into());
            }
            let mut earlier = table.channels.iter().take(index);
            if let Some(other) = earlier.find(|c| c.number == channel.number || c.name == channel.name) {
                return Err(wrong(format!("channel `{}` stands twice: also {other:?}", channel.name)).into());
            }
        }
        Ok(table)
    }

    /// The channel with this number.
    pub fn by_number(&self, number: u8) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.number == number)
    }

    /// The channel with this name.
    pub fn by_name(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name == name)
    }

    /// All of them, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.channels.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ChannelTable, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("channels.toml"), text).unwrap();
        ChannelTable::read(dir.path())
    }

    #[test]
    fn without_a_file_the_channels_are_openbmcs() {
        let table = ChannelTable::read(Path::new("/nonexistent")).unwrap();
        assert_eq!(table.by_name("ipmi_kcs3").unwrap().number, 15);
        assert_eq!(table.by_number(1).unwrap().name, "eth0");
    }

    #[test]
    fn the_example_file_is_the_default() {
        let example = include_str!("../../../systemd-units/etc/ferrite/channels.toml");
        // A commented row has no blank after its `#`.
        let rows: Vec<_> = example.lines().filter(|line| !line.starts_with("# ")).collect();
        let table = read(&rows.join("\n").replace('#', "")).unwrap();
        assert_eq!(table.channels, openbmc_channels());
    }

    #[test]
    fn a_number_that_ipmi_reserves_or_a_second_use_is_refused() {
        let twelve = read("[[channel]]\nnumber = 12\nname = \"a\"\nmedium = \"lan\"\n").unwrap_err();
        assert!(twelve.to_string().contains("number 12"), "{twelve}");
        let row = "[[channel]]\nnumber = 1\nname = \"a\"\nmedium = \"lan\"\n";
        let twice = read(&row.repeat(2)).unwrap_err();
        assert!(twice.to_string().contains("stands twice"), "{twice}");
    }
}
