//! Pickles to values: Python's stack machine, which here knows no name but those of plain data.

use std::collections::HashMap;

use super::PickleError;
use super::arena::{Arena, Node, NodeId};
use super::{numbers, objects};
use crate::msgpack::{MAX_LEN, MAX_VALUES};
use crate::value::{PythonClass, Value};

/// Reads a pickle of plain data; what follows its end is ignored, as Python does.
///
/// # Errors
/// See [`PickleError`].
///
/// ```
/// use sessile_formats::{Value, pickle};
///
/// assert_eq!(pickle::read(b"\x80\x05K\x2a.")?, Value::Int(42));
/// assert!(pickle::read(b"cos\nsystem\n(S'id'\ntR.").is_err());
/// # Ok::<(), pickle::PickleError>(())
/// ```
pub fn read(input: &[u8]) -> Result<Value, PickleError> {
    if input.len() > MAX_LEN {
        return Err(PickleError::TooLarge);
    }
    let mut machine = Machine {
        rest: input,
        arena: Arena::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    loop {
        let Some((&operation, rest)) = machine.rest.split_first() else {
            return Err(PickleError::Truncated);
        };
        machine.rest = rest;
        if operation == b'.' {
            let top = machine.pop()?;
            return machine.arena.build(top);
        }
        machine.step(operation)?;
        if machine.arena.len() > MAX_VALUES {
            return Err(PickleError::TooLarge);
        }
    }
}

struct Machine<'a> {
    rest: &'a [u8],
    arena: Arena,
    stack: Vec<NodeId>,
    /// Heights of the stack where a MARK lies.
    marks: Vec<usize>,
    memo: HashMap<u64, NodeId>,
}

const TRUNCATED: PickleError = PickleError::Malformed("pickle data was truncated");
const NO_MARK: PickleError = PickleError::Malformed("could not find MARK");

impl<'a> Machine<'a> {
    fn bytes(&mut self, len: u64) -> Result<&'a [u8], PickleError> {
        let len = usize::try_from(len).map_err(|_| TRUNCATED)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(taken)
    }

    /// `N` bytes as a little-endian unsigned number.
    fn number<const N: usize>(&mut self) -> Result<u64, PickleError> {
        let bytes = self.bytes(N as u64)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn line(&mut self) -> Result<&'a str, PickleError> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(TRUNCATED)?;
        let line = self.bytes(end as u64)?;
        self.bytes(1)?;
        std::str::from_utf8(line).map_err(|_| PickleError::Content("text that is not ASCII"))
    }

    fn line_index(&mut self) -> Result<u64, PickleError> {
        self.line()?.parse().map_err(|_| PickleError::Content("a memo index"))
    }

    /// The lowest stack height that may be popped to.
    fn fence(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<NodeId, PickleError> {
        if self.stack.len() <= self.fence() {
            return Err(PickleError::Malformed("unexpected MARK found or stack empty"));
        }
        self.stack.pop().ok_or(PickleError::Malformed("stack empty"))
    }

    fn top(&self) -> Result<NodeId, PickleError> {
        if self.stack.len() <= self.fence() {
            return Err(PickleError::Malformed("unexpected MARK found or stack empty"));
        }
        self.stack.last().copied().ok_or(PickleError::Malformed("stack empty"))
    }

    fn pop_mark(&mut self) -> Result<Vec<NodeId>, PickleError> {
        let height = self.marks.pop().ok_or(NO_MARK)?;
        Ok(self.stack.split_off(height.min(self.stack.len())))
    }

    fn pop_last(&mut self, count: usize) -> Result<Vec<NodeId>, PickleError> {
        let at = self.stack.len().checked_sub(count).filter(|at| *at >= self.fence());
        Ok(self.stack.split_off(at.ok_or(PickleError::Malformed("stack underflow"))?))
    }

    fn push(&mut self, node: Node) {
        let id = self.arena.add(node);
        self.stack.push(id);
    }

    fn push_value(&mut self, value: Value) {
        self.push(Node::Leaf(value));
    }

    fn remember(&mut self, index: u64) -> Result<(), PickleError> {
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn recall(&mut self, index: u64) -> Result<(), PickleError> {
        let found = self.memo.get(&index).copied();
        self.stack.push(found.ok_or(PickleError::Malformed("Memo value not found"))?);
        Ok(())
    }

    fn push_utf8(&mut self, len: u64) -> Result<(), PickleError> {
        let bytes = self.bytes(len)?;
        let text = numbers::wtf8(bytes).ok_or(PickleError::Content("text that is not UTF-8"))?;
        self.push_value(text);
        Ok(())
    }

    fn push_bytes(&mut self, len: u64) -> Result<(), PickleError> {
        let bytes = self.bytes(len)?;
        self.push_value(Value::Bytes(bytes.into()));
        Ok(())
    }

    /// Python 2's `str`, which Python 3 reads as ASCII.
    fn push_ascii(&mut self, bytes: &[u8]) -> Result<(), PickleError> {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => {
                self.push_value(Value::Str(text.into()));
                Ok(())
            }
            _ => Err(PickleError::Content("text that is not ASCII")),
        }
    }

    fn push_long(&mut self, len: u64) -> Result<(), PickleError> {
        let bytes = self.bytes(len)?;
        let value = numbers::long(bytes).ok_or(PickleError::TooLarge)?;
        self.push_value(value);
        Ok(())
    }

    fn push_tuple(&mut self, count: usize) -> Result<(), PickleError> {
        let items = self.pop_last(count)?;
        self.push(Node::Tuple(items));
        Ok(())
    }

    fn extend_list(&mut self, items: Vec<NodeId>) -> Result<(), PickleError> {
        let top = self.top()?;
        self.arena.extend_list(top, items)
    }

    fn extend_map(&mut self, items: Vec<NodeId>) -> Result<(), PickleError> {
        let top = self.top()?;
        self.arena.extend_map(top, items)
    }

    /// A value of one of the known classes.
    fn make(&mut self) -> Result<(), PickleError> {
        let (arguments, class) = (self.pop()?, self.pop()?);
        let (Some(Node::Tuple(arguments)), Some(Node::Global(class))) =
            (self.arena.get(arguments), self.arena.get(class))
        else {
            return Err(PickleError::Refused("REDUCE"));
        };
        // No constructor takes more.
        if arguments.len() > 3 {
            return Err(PickleError::Content("an object made of something else"));
        }
        let (class, arguments) = (*class, arguments.clone());
        self.arena.copy(&arguments)?;
        let made = objects::make(&self.arena, class, &arguments)?;
        let given: Vec<&Node> = arguments.iter().filter_map(|id| self.arena.get(*id)).collect();
        let kept = objects::kept(class, &given);
        let id = self.arena.add(made);
        if let Some(class) = kept {
            self.arena.class(id, class);
        }
        self.stack.push(id);
        Ok(())
    }

    fn step(&mut self, operation: u8) -> Result<(), PickleError> {
        match operation {
            0x80 => {
                if self.number::<1>()? > 5 {
                    return Err(PickleError::Content("unsupported pickle protocol"));
                }
            }
            // A frame only says how much may be read ahead.
            0x95 => {
                let len = self.number::<8>()?;
                if len > self.rest.len() as u64 {
                    return Err(TRUNCATED);
                }
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                // Python lets POP remove a mark.
                if self.marks.last().is_some_and(|mark| *mark == self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => {
                self.pop_mark()?;
            }
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push_value(Value::Null),
            0x88 => self.push_value(Value::Bool(true)),
            0x89 => self.push_value(Value::Bool(false)),
            b'I' => {
                let value = match self.line()? {
                    "00" => Value::Bool(false),
                    "01" => Value::Bool(true),
                    digits => numbers::decimal(digits)?,
                };
                self.push_value(value);
            }
            b'J' => {
                let bits = self.number::<4>()? as u32;
                self.push_value(Value::Int(bits.cast_signed().into()));
            }
            b'K' => {
                let value = self.number::<1>()?;
                self.push_value(value.into());
            }
            b'M' => {
                let value = self.number::<2>()?;
                self.push_value(value.into());
            }
            b'L' => {
                let line = self.line()?;
                let value = numbers::decimal(line.strip_suffix('L').unwrap_or(line))?;
                self.push_value(value);
            }
            0x8a => self.number::<1>().and_then(|len| self.push_long(len))?,
            0x8b => self.number::<4>().and_then(|len| self.push_long(len))?,
            b'F' => {
                let value = numbers::float(self.line()?)?;
                self.push_value(Value::Float(value));
            }
            b'G' => {
                let bits = self.number::<8>()?.swap_bytes();
                self.push_value(Value::Float(f64::from_bits(bits)));
            }
            b'S' => {
                let bytes = numbers::quoted(self.line()?)?;
                self.push_ascii(&bytes)?;
            }
            b'T' | b'U' => {
                let len = if operation == b'T' { self.number::<4>() } else { self.number::<1>() };
                let bytes = self.bytes(len?)?;
                self.push_ascii(bytes)?;
            }
            b'C' => self.number::<1>().and_then(|len| self.push_bytes(len))?,
            b'B' => self.number::<4>().and_then(|len| self.push_bytes(len))?,
            0x8e => self.number::<8>().and_then(|len| self.push_bytes(len))?,
            0x96 => {
                self.number::<8>().and_then(|len| self.push_bytes(len))?;
                let top = self.top()?;
                self.arena.class(top, PythonClass::ByteArray);
            }
            b'V' => {
                let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(TRUNCATED)?;
                let line = self.bytes(end as u64)?;
                self.bytes(1)?;
                let text = numbers::raw_unicode(line);
                self.push_value(text.ok_or(PickleError::Content("a \\u escape"))?);
            }
            0x8c => self.number::<1>().and_then(|len| self.push_utf8(len))?,
            b'X' => self.number::<4>().and_then(|len| self.push_utf8(len))?,
            0x8d => self.number::<8>().and_then(|len| self.push_utf8(len))?,
            b']' => self.push(Node::List(Vec::new())),
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Node::List(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(vec![item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.extend_list(items)?;
            }
            b')' => self.push(Node::Tuple(Vec::new())),
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items));
            }
            0x85 => self.push_tuple(1)?,
            0x86 => self.push_tuple(2)?,
            0x87 => self.push_tuple(3)?,
            b'}' => self.push(Node::Map(Vec::new())),
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Node::Map(Vec::new()));
                self.extend_map(items)?;
            }
            b's' => {
                let items = self.pop_last(2)?;
                self.extend_map(items)?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.extend_map(items)?;
            }
            0x8f => self.push(Node::Set(Vec::new())),
            0x90 => {
                let items = self.pop_mark()?;
                let top = self.top()?;
                self.arena.extend_set(top, items)?;
            }
            0x91 => {
                let items = self.pop_mark()?;
                self.push(Node::Set(items));
                let top = self.top()?;
                self.arena.class(top, PythonClass::FrozenSet);
            }
            b'g' => self.line_index().and_then(|index| self.recall(index))?,
            b'h' => self.number::<1>().and_then(|index| self.recall(index))?,
            b'j' => self.number::<4>().and_then(|index| self.recall(index))?,
            b'p' => self.line_index().and_then(|index| self.remember(index))?,
            b'q' => self.number::<1>().and_then(|index| self.remember(index))?,
            b'r' => self.number::<4>().and_then(|index| self.remember(index))?,
            0x94 => {
                let index = self.memo.len() as u64;
                self.remember(index)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                let class = objects::class(module, name).ok_or_else(|| unknown(module, name))?;
                self.push(Node::Global(class));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let class = match (self.arena.get(module), self.arena.get(name)) {
                    (Some(Node::Leaf(Value::Str(module))), Some(Node::Leaf(Value::Str(name)))) => {
                        objects::class(module, name).ok_or_else(|| unknown(module, name))
                    }
                    _ => return Err(PickleError::Malformed("STACK_GLOBAL requires str")),
                };
                self.push(Node::Global(class?));
            }
            b'R' | 0x81 => self.make()?,
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                let Some(Node::Blank) = self.arena.get(object) else {
                    return Err(PickleError::Refused("BUILD"));
                };
                let built = objects::uuid(&self.arena, state)?;
                self.arena.set(object, built);
            }
            // The extension registry is Python code's; an empty one is what a reader can assume.
            0x82 => self.number::<1>().and_then(unregistered)?,
            0x83 => self.number::<2>().and_then(unregistered)?,
            0x84 => self.number::<4>().and_then(unregistered)?,
            other => return Err(refusal(other)),
        }
        Ok(())
    }
}

/// A class that is none of plain data.
fn unknown(module: &str, name: &str) -> PickleError {
    const SHOWN: usize = 100;
    PickleError::Class(format!("{module}.{name}").chars().take(SHOWN).collect())
}

fn unregistered(code: u64) -> Result<(), PickleError> {
    Err(match (code as u32).cast_signed() {
        1.. => PickleError::Content("unregistered extension code"),
        _ => PickleError::Malformed("EXT specifies code <= 0"),
    })
}

fn refusal(operation: u8) -> PickleError {
    PickleError::Refused(match operation {
        b'i' => "INST",
        b'o' => "OBJ",
        0x92 => "NEWOBJ_EX",
        b'P' => "PERSID",
        b'Q' => "BINPERSID",
        0x97 | 0x98 => "BUFFER",
        _ => return PickleError::Malformed("invalid load key"),
    })
}
