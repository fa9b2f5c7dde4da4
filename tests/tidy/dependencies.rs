//! Daemons -> edges -> pure, and nothing of the tests in the product.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::crates::{EDGES, OUTSIDE, PURE, daemons};

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// `dev`, `build`, or none for what is linked.
    kind: Option<String>,
}

/// What each package is linked with, by name.
struct Graph {
    linked: BTreeMap<String, BTreeSet<String>>,
    ours: BTreeSet<String>,
    sources: BTreeSet<String>,
}

impl Graph {
    fn read() -> Self {
        let mut command = xtask::workspace::cargo();
        command.args(["metadata", "--format-version", "1", "--locked", "--offline"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
        let names =
            metadata.packages.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect::<BTreeMap<_, _>>();
        let mut linked = BTreeMap::<_, BTreeSet<_>>::new();
        for node in &metadata.resolve.nodes {
            let deps = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|it| it.kind.is_none()));
            let deps = deps.map(|dep| names[dep.pkg.as_str()].to_owned());
            // Two versions of a crate are one here.
            linked.entry(names[node.id.as_str()].to_owned()).or_default().extend(deps);
        }
        let packages = metadata.packages.iter();
        Self {
            linked,
            ours: packages.clone().filter(|it| it.source.is_none()).map(|it| it.name.clone()).collect(),
            sources: packages.filter_map(|it| it.source.clone()).collect(),
        }
    }

    /// All that ends up in what `name` is linked into.
    fn closure(&self, name: &str) -> BTreeSet<&str> {
        let (start, _) = self.linked.get_key_value(name).unwrap();
        let (mut closure, mut open) = (BTreeSet::new(), vec![start.as_str()]);
        while let Some(name) = open.pop() {
            let next = self.linked[name].iter().map(String::as_str);
            open.extend(next.filter(|it| closure.insert(*it)));
        }
        closure
    }

    /// Our own crates among them.
    fn our_closure(&self, name: &str) -> BTreeSet<&str> {
        self.closure(name).into_iter().filter(|it| self.ours.contains(*it)).collect()
    }
}

#[test]
fn every_crate_has_a_place() {
    let placed = PURE.iter().chain(&EDGES).chain(&OUTSIDE).map(|name| (*name).to_owned());
    let placed = placed.chain(daemons()).chain(["ferrite".to_owned()]).collect::<BTreeSet<_>>();
    assert_eq!(Graph::read().ours, placed);
}

#[test]
fn pure_crates_reach_no_socket_clock_file_or_bus() {
    let graph = Graph::read();
    for name in PURE {
        let closure = graph.closure(name);
        for edge in ["tokio", "zbus", "nix", "rustix", "systemd", "mio", "async-io", "tracing-subscriber"] {
            assert!(!closure.contains(edge), "{name} reaches {edge}");
        }
        assert!(graph.our_closure(name).is_subset(&PURE.into()), "{name}");
    }
}

#[test]
fn edges_depend_on_edges_and_pure_crates_and_daemons_never_on_each_other() {
    let graph = Graph::read();
    let below = PURE.into_iter().chain(EDGES).collect::<BTreeSet<_>>();
    for name in EDGES.into_iter().chain(daemons().iter().map(String::as_str)) {
        let reached = graph.our_closure(name);
        assert!(reached.is_subset(&below), "{name} reaches {:?}", reached.difference(&below));
    }
}

#[test]
fn the_product_has_no_test_tool_in_it() {
    let graph = Graph::read();
    let product = graph.our_closure("ferrite");
    assert!(OUTSIDE.iter().all(|tool| !product.contains(tool)), "{product:?}");
}

#[test]
fn every_dependency_comes_from_the_public_registry() {
    let sources = Graph::read().sources;
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(
        sources.iter().all(|source| source.contains("github.com/rust-lang/crates.io-index")),
        "{sources:?}"
    );
}
