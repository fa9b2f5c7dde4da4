//! The Yocto layer says of this tree what is so.

use std::process::Command;

use xtask::{qemu, size, workspace, yocto};

use crate::crates::{daemons, read};

/// The recipe's name has the version in it.
fn recipe_path() -> String {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let version = manifest["workspace"]["package"]["version"].as_str().unwrap().to_owned();
    format!("yocto-layer/meta-ferrite/recipes-bmc/ferrite/ferrite_{version}.bb")
}

/// What the recipe gives `variable`.
fn value(variable: &str) -> String {
    let recipe = read(&recipe_path());
    let is_it = |line: &&str| {
        line.strip_prefix(variable)
            .is_some_and(|rest| rest.starts_with(" = \"") || rest.starts_with(" += \""))
    };
    let rest = recipe.lines().skip_while(|line| !is_it(line));
    let mut text = String::new();
    for line in rest {
        text.push_str(line.trim_end_matches('\\'));
        if !line.ends_with('\\') {
            break;
        }
    }
    text.split_once('"').map(|(_, value)| value.trim_end_matches('"').to_owned()).unwrap_or_default()
}

#[test]
fn the_recipes_crates_are_those_of_the_lock_file() {
    let lines = |text: &str| {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    let listed = std::fs::read_to_string(yocto::include_path()).unwrap();
    let wanted = yocto::crates_include().unwrap();
    assert!(
        lines(&listed) == lines(&wanted),
        "ferrite-crates.inc is older than Cargo.lock: run `cargo xtask yocto`"
    );
}

#[test]
fn each_daemon_has_a_package_with_its_unit_and_a_user() {
    let (packages, users) = (value("PACKAGE_BEFORE_PN"), value("USERADD_PARAM:${PN}"));
    let daemons = daemons();
    for daemon in &daemons {
        assert!(packages.split_whitespace().any(|name| name == format!("${{PN}}-{daemon}")), "{daemon}");
        assert!(users.contains(&format!("{{FERRITE_USER}} {daemon}")), "{daemon}");
        let units = value(&format!("SYSTEMD_SERVICE:${{PN}}-{daemon}"));
        assert!(units.starts_with(daemon.as_str()), "{daemon}: {units}");
        assert_ne!(value(&format!("RDEPENDS:${{PN}}-{daemon}")), "", "{daemon}");
    }
    assert_eq!(packages.split_whitespace().count(), daemons.len(), "a package too many");
}

#[test]
fn the_recipe_finds_its_source_in_this_tree() {
    let folder = yocto::layer().join("recipes-bmc/ferrite/ferrite");
    let files = value("SRC_URI");
    let files = files.split_whitespace().filter_map(|word| word.strip_prefix("file://"));
    let names = files.map(|file| file.split(';').next().unwrap()).collect::<Vec<_>>();
    for name in &names {
        assert!(folder.join(name).exists(), "{name}");
    }
    // Each crate of the workspace has to be there, whether it is built or not.
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    for member in manifest["workspace"]["members"].as_array().unwrap() {
        let top = member.as_str().unwrap().split('/').next().unwrap();
        assert!(names.contains(&top), "{top}");
    }
}

#[test]
fn the_recipe_has_the_licences_checksum() {
    let output = Command::new("md5sum").arg(workspace::root().join("LICENSE")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let sum = text.split_whitespace().next().unwrap();
    assert_eq!(value("LIC_FILES_CHKSUM"), format!("file://LICENSE;md5={sum}"));
}

#[test]
fn what_is_weighed_is_built_and_packed_as_the_layer_does() {
    let recipe = read(&recipe_path());
    for flag in qemu::FLAGS.replace("-C ", "-C").split_whitespace() {
        assert!(recipe.contains(flag), "{flag}");
    }
    let image = "dynamic-layers/phosphor-layer/recipes-phosphor/images/obmc-phosphor-image.bbappend";
    let image = std::fs::read_to_string(yocto::layer().join(image)).unwrap();
    assert!(image.contains(&format!("\" {}\"", size::PACKED)), "{image}");
}
