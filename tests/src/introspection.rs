//! D-Bus introspection data, read into what two descriptions of an interface have to agree on.

use std::collections::{BTreeMap, BTreeSet};

/// An interface's members, each as one line such as `method execute(in y, out (yyyyay))` or `property Value d readwrite true`.
pub type Members = BTreeSet<String>;

/// An object as its introspection data describe it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its interfaces by name.
    pub interfaces: BTreeMap<String, Members>,
    /// Names of its children.
    pub children: BTreeSet<String>,
}

/// Reads introspection data. Argument names do not count: the bus does not see them.
///
/// # Errors
/// What is not understood, as text.
pub fn parse(xml: &str) -> Result<Node, String> {
    let mut node = Node::default();
    let mut interface: Option<(String, Members)> = None;
    let mut member: Option<Member> = None;
    // Children bring their own description along, which is asked for again under their own path.
    let mut depth = 0_usize;
    for tag in tags(xml)? {
        match (tag.name, tag.closes) {
            ("node", true) => depth = depth.saturating_sub(1),
            ("node", false) => {
                if depth == 1 {
                    node.children.insert(tag.attribute("name")?.to_owned());
                }
                depth += usize::from(!tag.empty);
            }
            _ if depth != 1 => {}
            ("interface", false) => interface = Some((tag.attribute("name")?.to_owned(), Members::new())),
            ("interface", true) => node.interfaces.extend(interface.take()),
            ("method" | "signal" | "property", false) => {
                member = Some(Member::open(&tag)?);
                if tag.empty {
                    finish(&mut interface, &mut member)?;
                }
            }
            ("method" | "signal" | "property", true) => finish(&mut interface, &mut member)?,
            ("arg", false) => member.as_mut().ok_or("an `arg` outside of a member")?.argument(&tag)?,
            ("annotation", false) => {
                if let Some(member) = &mut member {
                    member.annotation(&tag)?;
                }
            }
            _ => {}
        }
    }
    Ok(node)
}

/// A method, signal or property on its way to a line.
struct Member {
    head: String,
    arguments: Option<Vec<String>>,
    /// Of a property: whether and how changes are announced.
    emits: Option<String>,
    default_direction: &'static str,
}

impl Member {
    fn open(tag: &Tag<'_>) -> Result<Self, String> {
        let head = format!("{} {}", tag.name, tag.attribute("name")?);
        Ok(if tag.name == "property" {
            let head = format!("{head} {} {}", tag.attribute("type")?, tag.attribute("access")?);
            Self { head, arguments: None, emits: Some("true".to_owned()), default_direction: "" }
        } else {
            let default_direction = if tag.name == "method" { "in" } else { "out" };
            Self { head, arguments: Some(Vec::new()), emits: None, default_direction }
        })
    }

    fn argument(&mut self, tag: &Tag<'_>) -> Result<(), String> {
        let direction = tag.attributes.get("direction").copied().unwrap_or(self.default_direction);
        let argument = format!("{direction} {}", tag.attribute("type")?);
        self.arguments.as_mut().ok_or("a property with an `arg`")?.push(argument);
        Ok(())
    }

    fn annotation(&mut self, tag: &Tag<'_>) -> Result<(), String> {
        if tag.attribute("name")? == "org.freedesktop.DBus.Property.EmitsChangedSignal"
            && let Some(emits) = &mut self.emits
        {
            *emits = tag.attribute("value")?.to_owned();
        }
        Ok(())
    }

    fn line(self) -> String {
        match (self.arguments, self.emits) {
            (Some(arguments), _) => format!("{}({})", self.head, arguments.join(", ")),
            (None, emits) => format!("{} {}", self.head, emits.unwrap_or_default()),
        }
    }
}

fn finish(interface: &mut Option<(String, Members)>, member: &mut Option<Member>) -> Result<(), String> {
    let (_, members) = interface.as_mut().ok_or("a member outside of an interface")?;
    members.extend(member.take().map(Member::line));
    Ok(())
}

struct Tag<'a> {
    name: &'a str,
    attributes: BTreeMap<&'a str, &'a str>,
    /// `</name>`
    closes: bool,
    /// `<name/>`
    empty: bool,
}

impl<'a> Tag<'a> {
    fn attribute(&self, name: &str) -> Result<&'a str, String> {
        let attribute = self.attributes.get(name).copied();
        attribute.ok_or_else(|| format!("a `{}` without `{name}`", self.name))
    }

    /// From what stands between `<` and `>`.
    fn parse(text: &'a str) -> Self {
        let (closes, text) = text.strip_prefix('/').map_or((false, text), |rest| (true, rest));
        let (empty, text) = text.strip_suffix('/').map_or((false, text), |rest| (true, rest));
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let mut pieces = rest.split('"');
        let mut attributes = BTreeMap::new();
        while let (Some(key), Some(value)) = (pieces.next(), pieces.next()) {
            attributes.insert(key.trim().trim_end_matches('=').trim_end(), value);
        }
        Self { name, attributes, closes, empty }
    }
}

/// All tags, without comments, declarations and text: introspection data have no more than that.
fn tags(xml: &str) -> Result<Vec<Tag<'_>>, String> {
    let (mut tags, mut rest) = (Vec::new(), xml);
    while let Some((_, from)) = rest.split_once('<') {
        let end = if from.starts_with("!--") { "-->" } else { ">" };
        let (text, after) = from.split_once(end).ok_or_else(|| format!("`{end}` is missing"))?;
        if !text.starts_with(['!', '?']) {
            tags.push(Tag::parse(text));
        }
        rest = after;
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_lines_and_children_are_names() {
        let xml = r#"<!DOCTYPE node PUBLIC "a" "b">
            <!-- <interface name="no"> -->
            <node name="/x">
              <interface name="a.B">
                <method name="M"><arg name="n" type="s"/><arg type="(yy)" direction="out"/></method>
                <signal name="S"><arg type="d"/></signal>
                <property name="P" type="u" access="read">
                  <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="const"/>
                </property>
                <property name="Q" type="d" access="readwrite"/>
              </interface>
              <node name="child"><interface name="not.Ours"/></node>
              <node name="other"/>
            </node>"#;
        let node = parse(xml).unwrap();
        assert_eq!(node.children.iter().collect::<Vec<_>>(), ["child", "other"]);
        assert_eq!(node.interfaces.keys().collect::<Vec<_>>(), ["a.B"]);
        let lines = ["method M(in s, out (yy))", "property P u read const", "property Q d readwrite true"];
        let expected = lines.into_iter().chain(["signal S(out d)"]).map(str::to_owned);
        assert_eq!(node.interfaces["a.B"], expected.collect::<Members>());
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        assert!(parse("<node><interface name='a' ").is_err());
        assert!(parse("<node><interface><method/>").is_err());
    }
}
