//! Python objects to [`Value`]s and back, as far as their types are exactly the built-in ones.
//!
//! Anything else (subclasses, which may have a say in how they are written, integers beyond 64
//! bits, lone surrogates) is declined: the caller leaves it to Python, which does what the
//! original package does.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use sessile_formats::json::MAX_DEPTH;
use sessile_formats::{DateTime, Map, Value};

/// Why something was not done here: nobody's fault, Python does it.
#[derive(Debug)]
pub(crate) struct Declined;

impl From<PyErr> for Declined {
    /// An exception met on the way is raised again when Python does the work.
    fn from(_: PyErr) -> Self {
        Self
    }
}

/// The classes of other modules that tagged JSON has forms for.
struct Classes {
    markup: Py<PyAny>,
    uuid: Py<PyAny>,
    datetime: Py<PyAny>,
    timezone: Py<PyAny>,
    timedelta: Py<PyAny>,
    utc: Py<PyAny>,
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

fn classes(py: Python<'_>) -> PyResult<&Classes> {
    CLASSES.get_or_try_init(py, || {
        let datetime = py.import("datetime")?;
        let timezone = datetime.getattr("timezone")?;
        Ok(Classes {
            markup: py.import("markupsafe")?.getattr("Markup")?.unbind(),
            uuid: py.import("uuid")?.getattr("UUID")?.unbind(),
            datetime: datetime.getattr("datetime")?.unbind(),
            utc: timezone.getattr("utc")?.unbind(),
            timezone: timezone.unbind(),
            timedelta: datetime.getattr("timedelta")?.unbind(),
        })
    })
}

/// The value of an object. `tags` lets in what Flask's tagged JSON has forms for beyond JSON.
pub(crate) fn value_of(object: &Bound<'_, PyAny>, tags: bool) -> Result<Value, Declined> {
    at_depth(object, tags, MAX_DEPTH)
}

fn at_depth(object: &Bound<'_, PyAny>, tags: bool, depth: usize) -> Result<Value, Declined> {
    if let Ok(text) = object.cast_exact::<PyString>() {
        return Ok(Value::Str(text.to_str()?.to_owned()));
    }
    if object.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(number) = object.cast_exact::<PyInt>() {
        return Ok(Value::Int(number.extract()?));
    }
    if let Ok(truth) = object.cast_exact::<PyBool>() {
        return Ok(Value::Bool(truth.is_true()));
    }
    let depth = depth.checked_sub(1).ok_or(Declined)?;
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        return map_at_depth(dict, tags, depth).map(Value::Map);
    }
    if let Ok(list) = object.cast_exact::<PyList>() {
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            items.push(at_depth(&item, tags, depth)?);
        }
        return Ok(Value::List(items));
    }
    if let Ok(tuple) = object.cast_exact::<PyTuple>() {
        let mut items = Vec::with_capacity(tuple.len());
        for item in tuple {
            items.push(at_depth(&item, tags, depth)?);
        }
        return Ok(Value::Tuple(items));
    }
    if let Ok(number) = object.cast_exact::<PyFloat>() {
        return Ok(Value::Float(number.value()));
    }
    if tags { tagged(object) } else { Err(Declined) }
}

fn map_at_depth(dict: &Bound<'_, PyDict>, tags: bool, depth: usize) -> Result<Map, Declined> {
    let mut map = Map::with_capacity(dict.len());
    for (key, value) in dict {
        // Other keys than text have rules of their own in each format.
        let key = key.cast_exact::<PyString>().map_err(|_| Declined)?.to_str()?;
        map.insert(key, at_depth(&value, tags, depth)?);
    }
    Ok(map)
}

#[inline(never)]
fn tagged(object: &Bound<'_, PyAny>) -> Result<Value, Declined> {
    if let Ok(bytes) = object.cast_exact::<PyBytes>() {
        return Ok(Value::Bytes(bytes.as_bytes().to_owned()));
    }
    let py = object.py();
    let (class, known) = (object.get_type(), classes(py)?);
    if class.is(&known.markup) {
        return Ok(Value::Markup(
            object.cast::<PyString>().map_err(|_| Declined)?.to_str()?.into(),
        ));
    }
    if class.is(&known.uuid) {
        let bytes = object.getattr(intern!(py, "bytes"))?;
        let bytes = bytes.cast_exact::<PyBytes>().map_err(|_| Declined)?;
        return Ok(Value::Uuid(bytes.as_bytes().try_into().map_err(|_| Declined)?));
    }
    if class.is(&known.datetime) {
        return date_time(object, known).map(Value::DateTime);
    }
    Err(Declined)
}

/// A naive datetime, or one in `timezone.utc`.
fn date_time(object: &Bound<'_, PyAny>, known: &Classes) -> Result<DateTime, Declined> {
    let py = object.py();
    let zone = object.getattr(intern!(py, "tzinfo"))?;
    let offset = match (zone.is_none(), zone.is(&known.utc)) {
        (true, _) => None,
        (_, true) => Some(time::UtcOffset::UTC),
        _ => return Err(Declined),
    };
    let part = |name| -> Result<u8, Declined> { Ok(object.getattr(name)?.extract()?) };
    let year: i32 = object.getattr(intern!(py, "year"))?.extract()?;
    let month = time::Month::try_from(part(intern!(py, "month"))?).map_err(|_| Declined)?;
    let date = time::Date::from_calendar_date(year, month, part(intern!(py, "day"))?);
    // Microseconds have no place in an HTTP date.
    let (hour, minute) = (part(intern!(py, "hour"))?, part(intern!(py, "minute"))?);
    let clock = time::Time::from_hms(hour, minute, part(intern!(py, "second"))?);
    let (date, clock) = (date.map_err(|_| Declined)?, clock.map_err(|_| Declined)?);
    Ok(DateTime { at: time::PrimitiveDateTime::new(date, clock), offset })
}

/// The object of a value.
pub(crate) fn object_of<'py>(py: Python<'py>, value: Value) -> Result<Bound<'py, PyAny>, Declined> {
    Ok(match value {
        Value::Str(text) => PyString::new(py, &text).into_any(),
        Value::Null => py.None().into_bound(py),
        Value::Bool(truth) => PyBool::new(py, truth).to_owned().into_any(),
        Value::Int(number) => PyInt::new(py, number).into_any(),
        Value::Float(number) => PyFloat::new(py, number).into_any(),
        Value::Map(map) => {
            let dict = PyDict::new(py);
            for (key, value) in map {
                dict.set_item(object_of(py, key)?, object_of(py, value)?)?;
            }
            dict.into_any()
        }
        Value::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(object_of(py, item)?)?;
            }
            list.into_any()
        }
        Value::Tuple(items) => {
            let items = items.into_iter().map(|item| object_of(py, item));
            PyTuple::new(py, items.collect::<Result<Vec<_>, _>>()?)?.into_any()
        }
        other => rare(py, other)?,
    })
}

#[inline(never)]
fn rare<'py>(py: Python<'py>, value: Value) -> Result<Bound<'py, PyAny>, Declined> {
    let known = classes(py)?;
    Ok(match value {
        Value::Bytes(bytes) => PyBytes::new(py, &bytes).into_any(),
        Value::Markup(text) => known.markup.bind(py).call1((text,))?,
        Value::Uuid(bytes) => {
            let arguments = PyDict::new(py);
            arguments.set_item(intern!(py, "bytes"), PyBytes::new(py, &bytes))?;
            known.uuid.bind(py).call((), Some(&arguments))?
        }
        Value::DateTime(DateTime { at, offset }) => {
            let zone = match offset.map(time::UtcOffset::whole_seconds) {
                None => py.None().into_bound(py),
                Some(0) => known.utc.bind(py).clone(),
                Some(seconds) => {
                    let shift = known.timedelta.bind(py).call1((0, seconds))?;
                    known.timezone.bind(py).call1((shift,))?
                }
            };
            let (date, clock) = (at.date(), at.time());
            let day = (date.year(), u8::from(date.month()), date.day());
            let (hour, minute, second) = clock.as_hms();
            let class = known.datetime.bind(py);
            class.call1((day.0, day.1, day.2, hour, minute, second, clock.microsecond(), zone))?
        }
        _ => return Err(Declined),
    })
}
