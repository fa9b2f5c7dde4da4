//! Names, proxies and XML of the D-Bus contract, as the sources have them. The running stack is compared in `it`.

use std::{collections::BTreeMap, fs};

use system_tests::introspection::{self, Members};
use xtask::workspace;

use crate::crates::{daemons, read};

fn interfaces() -> BTreeMap<String, Members> {
    let mut interfaces = BTreeMap::new();
    for entry in fs::read_dir(workspace::root().join("dbus-interfaces")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            interfaces.extend(introspection::parse(&fs::read_to_string(path).unwrap()).unwrap().interfaces);
        }
    }
    interfaces
}

/// What stands between quotation marks in `text`.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

#[test]
fn every_name_of_an_interface_is_one_that_has_an_xml() {
    let (interfaces, names) = (interfaces(), read("crates/bmc-dbus/src/names.rs"));
    let no_interface = ["SERVICE", "PREFIX", "OPENBMC"];
    let constants = names.lines().filter(|line| line.trim_start().starts_with("pub const "));
    let constants = constants.filter(|line| no_interface.iter().all(|word| !line.contains(word)));
    let named = constants.filter_map(|line| quoted(line).next()).filter(|name| !name.starts_with('/'));
    let without = named.filter(|name| !interfaces.contains_key(*name)).collect::<Vec<_>>();
    assert_eq!(without, [""; 0]);
}

#[test]
fn every_interface_stands_in_the_table_of_interfaces() {
    let table = read("dbus-interfaces/README.md");
    let missing = interfaces().into_keys().filter(|name| !table.contains(&format!("| {name} |")));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
    let rows = table.lines().filter(|line| line.starts_with("| xyz.") || line.starts_with("| org."));
    assert_eq!(rows.count(), interfaces().len(), "a row too many");
}

/// A member as an XML line begins: `method SetName`.
fn member(attribute: &str, function: &str) -> String {
    let kind = ["signal", "property"]
        .into_iter()
        .find(|kind| attribute.contains(&format!("zbus({kind}")))
        .unwrap_or("method");
    let pascal = |name: &str| {
        let word = |word: &str| {
            let (first, rest) = word.split_at(1);
            format!("{}{rest}", first.to_uppercase())
        };
        name.trim_start_matches("set_").split('_').map(word).collect::<String>()
    };
    // A writable property has a function for each way.
    let name = match attribute.split_once("name = ") {
        Some((_, name)) => quoted(name).next().unwrap().to_owned(),
        None if kind == "property" => pascal(function),
        None => function.split('_').map(pascal).collect(),
    };
    format!("{kind} {name}")
}

/// Members of the proxies in a source file, each with its interface.
fn proxied(source: &str) -> Vec<(String, String)> {
    let mut members = Vec::new();
    for block in source.split("proxy(").skip(1) {
        let Some((head, body)) = block.split_once("pub trait ") else { continue };
        let Some((_, name)) = head.split_once("interface = ") else { continue };
        let interface = quoted(name).next().unwrap();
        let body = body.split("\n}").next().unwrap();
        let mut attribute = "";
        for line in body.lines().map(str::trim) {
            if line.starts_with("#[zbus(") {
                attribute = line;
            } else if let Some(function) = line.strip_prefix("fn ") {
                let function = function.split('(').next().unwrap();
                members.push((interface.to_owned(), member(attribute, function)));
                attribute = "";
            }
        }
    }
    members
}

#[test]
fn proxies_have_members_of_their_xml_only() {
    let (interfaces, mut checked) = (interfaces(), 0);
    for entry in fs::read_dir(workspace::root().join("crates/bmc-dbus/src")).unwrap() {
        let Ok(source) = fs::read_to_string(entry.unwrap().path()) else { continue };
        for (interface, member) in proxied(&source) {
            let members = interfaces.get(&interface).unwrap_or_else(|| panic!("{interface} has no XML"));
            let is = |line: &String| {
                line.strip_prefix(member.as_str()).is_some_and(|rest| rest.starts_with([' ', '(']))
            };
            assert!(members.iter().any(is), "{interface} has no {member}: {members:#?}");
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked} members were found");
}

#[test]
fn the_policy_has_rules_for_each_daemon_and_for_nobody_else() {
    let policy = read("systemd-units/usr/share/dbus-1/system.d/ferrite.conf");
    let mut users =
        policy.split("<policy user=").skip(1).filter_map(|rest| quoted(rest).next()).collect::<Vec<_>>();
    users.sort_unstable();
    users.dedup();
    let known = daemons();
    assert!(users.iter().all(|user| *user == "root" || known.contains(*user)), "{users:?}");
    assert_eq!(users.len(), known.len() + 1);
}

#[test]
fn a_name_that_is_called_may_be_read_by_all_and_called_by_root() {
    let policy = read("systemd-units/usr/share/dbus-1/system.d/ferrite.conf");
    // dbus-broker does not know it, and takes such a rule for one without a destination.
    assert!(!policy.contains("send_destination_prefix="));
    for name in policy.split(" own=").skip(1).filter_map(|rest| quoted(rest).next()) {
        let rules = policy.matches(&format!("send_destination=\"{name}\"")).count();
        assert!(rules >= 6, "{name}: {rules} rules");
    }
}

#[test]
fn the_example_for_another_channel_has_the_rules_that_the_default_one_has() {
    let policy = read("systemd-units/usr/share/dbus-1/system.d/ferrite.conf");
    let example = read("systemd-units/usr/share/doc/ferrite/channel.conf");
    let rules = policy.lines().filter(|line| line.contains("Ipmi.Channel.ipmi_kcs3\""));
    let rules = rules.map(|line| line.replace("ipmi_kcs3", "NAME")).collect::<Vec<_>>();
    let given = example.lines().filter(|line| line.contains("Channel.NAME\"")).collect::<Vec<_>>();
    assert_eq!(given, rules);
}
