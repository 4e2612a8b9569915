//! A session, as Python's session classes use it.
//!
//! They are dicts that hold the data while a request runs and note which keys were touched;
//! [`PySession::sync`] brings that into the core's session before it is saved.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyString};
use sessile_core::{Expiry, Session, Timestamp, Value};

use crate::convert::{object_of, value_of};
use crate::failure::{SessileError, UnencodableError, session_error};
use crate::guard::guard;

/// Where Flask keeps the messages to be shown once.
const FLASHES: &str = "_flashes";

#[pyclass(frozen, name = "Session", module = "sessile._sessile")]
pub(crate) struct PySession(pub(crate) Session);

/// The data as a dict. A value that Python has no type for is an error: silence would erase it.
pub(crate) fn dict_of<'py>(
    py: Python<'py>,
    map: sessile_core::Map,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, value) in map {
        let name = key.as_str().map(str::to_owned).unwrap_or_default();
        let item = object_of(py, key).and_then(|key| Ok((key, object_of(py, value)?)));
        let (key, value) = item.map_err(|_| {
            SessileError::new_err(format!(
                "the session's key {name:?} holds what has no type in Python here"
            ))
        })?;
        dict.set_item(key, value)?;
    }
    Ok(dict)
}

fn key_and_value(key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<(String, Value)> {
    let unencodable = |name: String, what: &str| {
        let error = UnencodableError::new_err(format!("the session's key {name} {what}"));
        match error.value(key.py()).setattr("key", name) {
            Ok(()) => error,
            Err(other) => other,
        }
    };
    let text = key.cast::<PyString>().ok().and_then(|text| text.to_str().ok());
    let Some(text) = text else {
        return Err(unencodable(key.repr()?.to_string(), "is no text"));
    };
    match value_of(value, true) {
        Ok(value) => Ok((text.to_owned(), value)),
        Err(_) => {
            let class = value.get_type().name()?;
            let what = format!(
                "holds a {class} that cannot be stored; keep text, bytes, numbers of 64 bits, \
                 dates, UUIDs, and lists, tuples and dicts with text as keys of them"
            );
            Err(unencodable(text.to_owned(), &what))
        }
    }
}

#[pymethods]
impl PySession {
    /// A copy of the data. Does not count as access.
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        guard(|| dict_of(py, self.0.peek()))
    }

    /// Notes that the response depends on the session.
    fn access(&self) {
        self.0.len();
    }

    /// Brings in what a request made of the data: `touched` keys were set or removed, all others
    /// may have been edited inside.
    fn sync(
        &self,
        data: &Bound<'_, PyDict>,
        touched: &Bound<'_, PySet>,
        cleared: bool,
        marked: bool,
    ) -> PyResult<()> {
        guard(|| {
            // Everything is converted before anything is changed, so that an error changes nothing.
            let mut items = Vec::with_capacity(data.len());
            for (key, value) in data {
                let (name, value) = key_and_value(&key, &value)?;
                items.push((touched.contains(&key)?, name, value));
            }
            if cleared {
                self.0.clear();
            }
            let before = self.0.peek();
            for name in touched {
                if data.contains(&name)? {
                    continue;
                }
                let Ok(name) = name.cast::<PyString>() else { continue };
                if name.to_str()? == FLASHES {
                    self.0.get_flashed_messages();
                } else {
                    self.0.remove(name.to_str()?);
                }
            }
            for (is_touched, name, value) in items {
                let old = before.get(&name);
                if old == Some(&value) && !is_touched {
                    continue;
                }
                if name == FLASHES && self.flash_added(old, &value) {
                    continue;
                }
                if is_touched || cleared || old.is_none() {
                    self.0.insert_value(name, value);
                } else {
                    self.0.edit_in_place(&name, |held| *held = value);
                }
            }
            if marked {
                self.0.mark_modified();
            }
            Ok(())
        })
    }

    fn log_in(&self, subject: String) -> PyResult<()> {
        guard(|| self.0.try_log_in(subject).map_err(|error| session_error(&error)))
    }

    fn cycle_id(&self) {
        self.0.cycle_id();
    }

    fn flush(&self) {
        self.0.flush();
    }

    #[getter]
    fn permanent(&self) -> bool {
        self.0.is_permanent()
    }

    #[setter]
    fn set_permanent(&self, permanent: bool) {
        self.0.set_permanent(permanent);
    }

    /// `seconds` without activity, `at` a time of the clock, neither: as configured. 0 seconds:
    /// until the browser closes.
    #[pyo3(signature = (seconds=None, at=None))]
    fn set_expiry(&self, seconds: Option<f64>, at: Option<f64>) -> PyResult<()> {
        guard(|| {
            let expiry = match (seconds, at) {
                (Some(0.0), None) => Expiry::BrowserClose,
                (Some(seconds), None) => Duration::try_from_secs_f64(seconds)
                    .map(Expiry::After)
                    .map_err(|error| PyValueError::new_err(format!("{seconds}: {error}")))?,
                #[allow(clippy::cast_possible_truncation, reason = "a cast keeps within i64")]
                (None, Some(at)) => Expiry::At(Timestamp::from_millis((at * 1000.0) as i64)),
                _ => Expiry::Default,
            };
            self.0.set_expiry(expiry);
            Ok(())
        })
    }

    #[getter]
    fn subject(&self) -> Option<String> {
        self.0.subject().map(|subject| subject.as_str().to_owned())
    }

    #[getter]
    fn handle(&self) -> Option<String> {
        self.0.handle().map(|handle| handle.to_string())
    }

    #[getter]
    fn is_new(&self) -> bool {
        self.0.is_new()
    }

    /// Whether anything is to be saved.
    #[getter]
    fn modified(&self) -> bool {
        self.0.is_modified()
    }
}

impl PySession {
    /// Whether Flask's `flash` did no more than add messages to those that were there: two
    /// requests that flash at once keep both messages.
    fn flash_added(&self, old: Option<&Value>, new: &Value) -> bool {
        let old = match old {
            None => &[][..],
            Some(Value::List(old)) => old,
            Some(_) => return false,
        };
        let Value::List(new) = new else { return false };
        let Some(added) = new.strip_prefix(old) else { return false };
        let pair = |item: &Value| match item {
            Value::Tuple(pair) | Value::List(pair) => match &pair[..] {
                [Value::Str(category), Value::Str(message)] => {
                    Some((category.clone(), message.clone()))
                }
                _ => None,
            },
            _ => None,
        };
        let Some(added) = added.iter().map(pair).collect::<Option<Vec<_>>>() else {
            return false;
        };
        for (category, message) in added {
            self.0.flash_as(category, message);
        }
        true
    }
}
