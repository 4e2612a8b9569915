//! Values under construction. A pickle may fill a list after other values
//! already refer to it, so containers hold references until the end.

use std::collections::HashMap;

use time::UtcOffset;

use super::PickleError;
use super::objects::Class;
use crate::msgpack::{MAX_DEPTH, MAX_LEN, MAX_VALUES};
use crate::value::{Classed, Map, PythonClass, Value};

pub(super) type NodeId = usize;

pub(super) enum Node {
    Leaf(Value),
    List(Vec<NodeId>),
    Tuple(Vec<NodeId>),
    Set(Vec<NodeId>),
    /// Keys and values by turns.
    Map(Vec<NodeId>),
    /// A class, which is no value.
    Global(Class),
    /// An offset from UTC, which is none by itself.
    Zone(UtcOffset),
    /// A UUID before it is told which.
    Blank,
}

#[derive(Default)]
pub(super) struct Arena {
    nodes: Vec<Node>,
    /// Of nodes that are a class's own: which.
    classes: HashMap<NodeId, PythonClass>,
    /// What objects have copied out of their arguments, in bytes and items.
    copied: usize,
}

impl Arena {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// Takes note that these nodes are copied. One large node may be copied as
    /// often as a short pickle says, so there is a bound.
    pub(super) fn copy(&mut self, ids: &[NodeId]) -> Result<(), PickleError> {
        for node in ids.iter().filter_map(|id| self.nodes.get(*id)) {
            self.copied += match node {
                Node::Leaf(value) => content_len(value),
                Node::List(items) | Node::Tuple(items) | Node::Set(items) | Node::Map(items) => {
                    items.len() * size_of::<NodeId>()
                }
                Node::Global(_) | Node::Zone(_) | Node::Blank => 0,
            };
        }
        if self.copied > MAX_LEN { Err(PickleError::TooLarge) } else { Ok(()) }
    }

    pub(super) fn set(&mut self, id: NodeId, node: Node) {
        if let Some(place) = self.nodes.get_mut(id) {
            *place = node;
        }
    }

    pub(super) fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Has the node come out as a value of this class.
    pub(super) fn class(&mut self, id: NodeId, class: PythonClass) {
        self.classes.insert(id, class);
    }

    pub(super) fn extend_list(
        &mut self,
        at: NodeId,
        items: Vec<NodeId>,
    ) -> Result<(), PickleError> {
        match self.nodes.get_mut(at) {
            Some(Node::List(list)) => list.extend(items),
            _ => return Err(PickleError::Malformed("items for what is not a list")),
        }
        Ok(())
    }

    pub(super) fn extend_set(&mut self, at: NodeId, items: Vec<NodeId>) -> Result<(), PickleError> {
        match self.nodes.get_mut(at) {
            Some(Node::Set(set)) => set.extend(items),
            _ => return Err(PickleError::Malformed("items for what is not a set")),
        }
        Ok(())
    }

    pub(super) fn extend_map(&mut self, at: NodeId, items: Vec<NodeId>) -> Result<(), PickleError> {
        if !items.len().is_multiple_of(2) {
            return Err(PickleError::Malformed("odd number of items for a mapping"));
        }
        match self.nodes.get_mut(at) {
            Some(Node::Map(entries)) => entries.extend(items),
            _ => return Err(PickleError::Malformed("items for what is not a mapping")),
        }
        Ok(())
    }

    /// The value under `root`. What is referred to twice comes out twice, so the whole is counted.
    pub(super) fn build(&self, root: NodeId) -> Result<Value, PickleError> {
        let mut room = Room { values: MAX_VALUES, bytes: MAX_LEN };
        self.value(root, MAX_DEPTH, &mut room)
    }

    fn value(&self, id: NodeId, depth: usize, room: &mut Room) -> Result<Value, PickleError> {
        room.values = room.values.checked_sub(1).ok_or(PickleError::TooLarge)?;
        let depth = depth.checked_sub(1).ok_or(PickleError::TooDeep)?;
        let node = self.nodes.get(id).ok_or(PickleError::Malformed("a lost value"))?;
        let plain = match node {
            Node::Leaf(value) => {
                let left = room.bytes.checked_sub(content_len(value));
                room.bytes = left.ok_or(PickleError::TooLarge)?;
                value.clone()
            }
            Node::Global(_) | Node::Zone(_) | Node::Blank => {
                return Err(PickleError::Refused("GLOBAL"));
            }
            Node::List(items) => Value::List(self.values(items, depth, room)?),
            Node::Tuple(items) => Value::Tuple(self.values(items, depth, room)?),
            Node::Set(items) => {
                let mut unique = Map::new();
                for item in self.values(items, depth, room)? {
                    unique.insert(hashable(item)?, Value::Null);
                }
                Value::Set(unique.into_iter().map(|(item, _)| item).collect())
            }
            Node::Map(entries) => {
                let mut map = Map::new();
                for pair in entries.chunks_exact(2) {
                    if let [key, value] = *pair {
                        let key = hashable(self.value(key, depth, room)?)?;
                        map.insert(key, self.value(value, depth, room)?);
                    }
                }
                Value::Map(map)
            }
        };
        Ok(match self.classes.get(&id) {
            None => plain,
            Some(&class) => Value::Classed(Box::new(Classed { class, value: plain })),
        })
    }

    fn values(
        &self,
        ids: &[NodeId],
        depth: usize,
        room: &mut Room,
    ) -> Result<Vec<Value>, PickleError> {
        ids.iter().map(|id| self.value(*id, depth, room)).collect()
    }
}

struct Room {
    values: usize,
    bytes: usize,
}

fn content_len(value: &Value) -> usize {
    match value {
        Value::Str(text) | Value::Markup(text) | Value::Decimal(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Wtf8(text) => text.as_bytes().len(),
        Value::BigInt(digits) => digits.as_str().len(),
        Value::Classed(of) => content_len(&of.value),
        _ => 0,
    }
}

fn hashable(value: Value) -> Result<Value, PickleError> {
    fn check(value: &Value) -> bool {
        match value {
            Value::Map(_) | Value::List(_) => false,
            Value::Classed(of) => of.class.is_hashable() && check(&of.value),
            Value::Tuple(items) => items.iter().all(check),
            _ => true,
        }
    }
    if check(&value) { Ok(value) } else { Err(PickleError::Unhashable) }
}
