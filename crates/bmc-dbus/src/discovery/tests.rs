//! On a bus of its own, with providers that publish late.

use system_tests::PrivateBus;
use zbus::fdo::ObjectManager;

use super::*;
use crate::names::sensors as names;

/// An ObjectMapper that knows one name, and is slow: a service adds objects before it answers.
struct Mapper {
    knows: Option<&'static str>,
    /// That service, and how many.
    meanwhile: Option<(Connection, usize)>,
}

#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "xyz.openbmc_project.Common.Error")]
enum MapperError {
    #[zbus(error)]
    ZBus(zbus::Error),
    ResourceNotFound(String),
}

type SubTree = HashMap<String, HashMap<String, Vec<String>>>;

#[zbus::interface(name = "xyz.openbmc_project.ObjectMapper")]
impl Mapper {
    async fn get_sub_tree(
        &self,
        root: String,
        _depth: i32,
        interfaces: Vec<String>,
    ) -> Result<SubTree, MapperError> {
        if let Some((service, count)) = &self.meanwhile {
            for index in 0..*count {
                publish(service, index).await;
            }
        }
        let name = self.knows.ok_or_else(|| MapperError::ResourceNotFound(root.clone()))?;
        Ok([(format!("{root}/temperature/T0"), [(name.to_owned(), interfaces)].into())].into())
    }
}

struct Sensor;

#[zbus::interface(name = "xyz.openbmc_project.Sensor.Value")]
impl Sensor {
    #[zbus(property)]
    fn value(&self) -> f64 {
        20.0
    }
}

struct Entity;

#[zbus::interface(name = "xyz.openbmc_project.Inventory.Decorator.Ipmi")]
impl Entity {
    #[zbus(property)]
    fn entity_id(&self) -> u64 {
        7
    }
}

const EARLY: &str = "xyz.openbmc_project.Early";
const LATE: &str = "xyz.openbmc_project.Late";

async fn connect(bus: &PrivateBus) -> Connection {
    zbus::connection::Builder::address(bus.address()).build().await.unwrap()
}

async fn mapper(bus: &PrivateBus, knows: Option<&'static str>) -> Connection {
    serve(bus, Mapper { knows, meanwhile: None }).await
}

async fn serve(bus: &PrivateBus, mapper: Mapper) -> Connection {
    let connection = connect(bus).await;
    connection.object_server().at(MAPPER_PATH, mapper).await.unwrap();
    connection.request_name(MAPPER).await.unwrap();
    connection
}

/// A service with its name and no sensor yet.
async fn service(bus: &PrivateBus, name: &'static str) -> Connection {
    let connection = connect(bus).await;
    connection.object_server().at(names::ROOT, ObjectManager).await.unwrap();
    connection.request_name(name).await.unwrap();
    connection
}

fn path(index: usize) -> String {
    format!("{}/temperature/T{index}", names::ROOT)
}

async fn publish(service: &Connection, index: usize) {
    service.object_server().at(path(index), Sensor).await.unwrap();
}

async fn follow(bus: &PrivateBus) -> Follow {
    Follow::start(&connect(bus).await, names::ROOT, names::VALUE).await.unwrap()
}

async fn next(follow: &mut Follow) -> Event {
    tokio::time::timeout(Duration::from_secs(20), follow.next()).await.expect("in time").expect("a bus")
}

/// The sensors that a provider is told to have, in the order of their paths.
fn listed(event: Event) -> (String, Vec<String>) {
    let Event::Loaded { provider, objects } = event else { panic!("{event:?}") };
    let sensors = objects.into_iter().filter(|(_, interfaces)| interfaces.contains_key(names::VALUE));
    let mut paths: Vec<String> = sensors.map(|(path, _)| path).collect();
    paths.sort();
    (provider.to_string(), paths)
}

#[tokio::test]
async fn a_provider_that_the_mapper_did_not_know_of_counts_from_its_first_object_on() {
    let bus = PrivateBus::start().unwrap();
    let _mapper = mapper(&bus, Some(EARLY)).await;
    let (early, late) = (service(&bus, EARLY).await, service(&bus, LATE).await);
    publish(&early, 0).await;
    let mut follow = follow(&bus).await;
    assert_eq!(listed(next(&mut follow).await), (EARLY.to_owned(), vec![path(0)]));
    publish(&late, 1).await;
    assert_eq!(listed(next(&mut follow).await), (LATE.to_owned(), vec![path(1)]));
    publish(&late, 2).await;
    let event = next(&mut follow).await;
    assert!(
        matches!(&event, Event::Added { provider, path: at, .. } if **provider == *LATE && *at == path(2))
    );
    late.close().await.unwrap();
    let event = next(&mut follow).await;
    assert!(matches!(&event, Event::Gone { provider } if **provider == *LATE), "{event:?}");
}

#[tokio::test]
async fn what_an_object_had_before_the_interface_that_is_looked_for_is_told_too() {
    let bus = PrivateBus::start().unwrap();
    let _mapper = mapper(&bus, None).await;
    let late = service(&bus, LATE).await;
    late.object_server().at(path(0), Entity).await.unwrap();
    let mut follow = follow(&bus).await;
    publish(&late, 0).await;
    let Event::Loaded { objects, .. } = next(&mut follow).await else { panic!("no listing") };
    let interfaces = &objects[&path(0)];
    assert!(interfaces.contains_key(names::VALUE) && interfaces.contains_key(names::DECORATOR_IPMI));
}

#[tokio::test]
async fn a_service_that_never_had_an_object_there_comes_and_goes_unsaid() {
    let bus = PrivateBus::start().unwrap();
    let _mapper = mapper(&bus, None).await;
    let (idle, late) = (service(&bus, EARLY).await, service(&bus, LATE).await);
    let mut follow = follow(&bus).await;
    idle.close().await.unwrap();
    publish(&late, 0).await;
    assert_eq!(listed(next(&mut follow).await), (LATE.to_owned(), vec![path(0)]));
}

#[tokio::test]
async fn more_objects_than_can_wait_may_come_while_a_follower_starts() {
    const OBJECTS: usize = 600;
    let bus = PrivateBus::start().unwrap();
    let service = service(&bus, LATE).await;
    let _mapper = serve(&bus, Mapper { knows: None, meanwhile: Some((service, OBJECTS)) }).await;
    let starting = tokio::time::timeout(LOAD_LIMIT / 2, follow(&bus));
    let mut follow = starting.await.expect("the follower starts");
    let (name, objects) = listed(next(&mut follow).await);
    assert_eq!((name.as_str(), objects.len()), (LATE, OBJECTS));
}
