//! What `sessile.itsdangerous` signs and reads here.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyInt, PyString};
use sessile_formats::flask::TaggedJson;
use sessile_formats::itsdangerous::{
    Codec as _, Derivation, Digest, Signer, SignerOptions, TimestampSigner, pack, unpack,
};
use sessile_formats::json::{self, Style};
use sessile_formats::{KeyRing, SecretKey, Timestamp, Value, zlib};

use crate::convert::{Declined, object_of, value_of};
use crate::counts::{Operation, here};
use crate::guard::guard;

/// The longest JSON that is compressed here: up to there every byte is CPython's.
const LONGEST_COMPRESSED: usize = 16_000;

/// `NotImplemented`, which says to Python: do it yourself.
fn declined(py: Python<'_>) -> Bound<'_, PyAny> {
    static NOT_IMPLEMENTED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    NOT_IMPLEMENTED.get_or_init(py, || py.NotImplemented()).bind(py).clone()
}

fn or_declined<'py>(
    py: Python<'py>,
    operation: Operation,
    work: impl FnOnce() -> Result<Bound<'py, PyAny>, Declined>,
) -> PyResult<Bound<'py, PyAny>> {
    guard(|| {
        Ok(match work() {
            Ok(done) => {
                here(operation);
                done
            }
            Err(Declined) => declined(py),
        })
    })
}

/// The bytes of `bytes`, or the UTF-8 of `str`; nothing else.
fn octets<'a>(object: &'a Bound<'_, PyAny>) -> Result<&'a [u8], Declined> {
    if let Ok(text) = object.cast_exact::<PyString>() {
        return Ok(text.to_str()?.as_bytes());
    }
    object.cast_exact::<PyBytes>().map(|it| it.as_bytes()).map_err(|_| Declined)
}

/// `int(time.time())`, which itsdangerous signs only if it is no earlier than 1970.
fn seconds(now: &Bound<'_, PyAny>) -> Result<Timestamp, Declined> {
    let now: f64 = now.extract()?;
    // What is beyond the year 9999 cannot be read again, and is Python's to fail on.
    if !(0.0..253_402_300_800.0).contains(&now) {
        return Err(Declined);
    }
    Ok(Timestamp::from_secs(now as i64))
}

/// `max_age`: whole seconds or `None`.
fn age(max_age: &Bound<'_, PyAny>) -> Result<Option<i64>, Declined> {
    if max_age.is_none() {
        return Ok(None);
    }
    Ok(Some(max_age.cast_exact::<PyInt>().map_err(|_| Declined)?.extract()?))
}

/// How the payload is spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// `json.dumps(value)`.
    Plain,
    /// `_CompactJSON`.
    Compact,
    /// Flask's tagged JSON, keys sorted or not.
    Tagged(TaggedJson),
}

impl Spelling {
    /// As `sessile.itsdangerous` numbers them.
    fn numbered(number: u8) -> Result<Self, Declined> {
        Ok(match number {
            0 => Self::Plain,
            1 => Self::Compact,
            2 => Self::Tagged(TaggedJson::IN_APP),
            3 => Self::Tagged(TaggedJson::UNSORTED),
            _ => return Err(Declined),
        })
    }

    fn write(self, object: &Bound<'_, PyAny>) -> Result<Vec<u8>, Declined> {
        let value = value_of(object, matches!(self, Self::Tagged(_)))?;
        let json = match self {
            Self::Plain => Style::DEFAULT.write(&value),
            Self::Compact => Style::COMPACT_UTF8.write(&value),
            Self::Tagged(tagged) => tagged.dumps(&value),
        };
        json.map_err(|_| Declined)
    }

    fn read(self, json: &[u8]) -> Result<Value, Declined> {
        match self {
            Self::Plain | Self::Compact => json::read(json),
            Self::Tagged(tagged) => tagged.loads(json),
        }
        .map_err(|_| Declined)
    }
}

/// Tagged JSON alone, as `TaggedJSONSerializer.dumps`; `NotImplemented` if Python has to.
pub(crate) fn tagged_dumps<'py>(
    object: &Bound<'py, PyAny>,
    spelling: u8,
) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    or_declined(py, Operation::TaggedDumps, || {
        let json = Spelling::numbered(spelling)?.write(object)?;
        Ok(PyString::from_bytes(py, &json)?.into_any())
    })
}

/// Tagged JSON alone, as `TaggedJSONSerializer.loads`; `NotImplemented` if Python has to.
pub(crate) fn tagged_loads<'py>(text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = text.py();
    or_declined(py, Operation::TaggedLoads, || {
        let value = Spelling::Tagged(TaggedJson::IN_APP).read(octets(text)?)?;
        object_of(py, value)
    })
}

/// A signer with its keys derived, and a serializer on top of it. Each method answers
/// `NotImplemented` where Python has to do the work: for objects of other types, and whenever
/// something is wrong, so that the exceptions are those of the Python code.
#[pyclass(frozen, module = "sessile._sessile")]
pub(crate) struct Signed {
    plain: Signer,
    timed: TimestampSigner,
    /// Whether payloads are compressed and base64.
    url_safe: bool,
}

#[pymethods]
impl Signed {
    /// `None` where these keys or this way to sign are not known here.
    #[staticmethod]
    fn make(
        keys: Vec<Vec<u8>>,
        salt: Vec<u8>,
        sep: Vec<u8>,
        derivation: &str,
        digest: &str,
        url_safe: bool,
    ) -> PyResult<Option<Self>> {
        guard(|| Ok(made(keys, salt, sep, derivation, digest, url_safe)))
    }

    /// The signed text of a value.
    fn sign<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        or_declined(py, Operation::Sign, || {
            Ok(PyBytes::new(py, &self.plain.sign(octets(value)?)).into_any())
        })
    }

    /// The value of a signed text.
    fn unsign<'py>(&self, text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = text.py();
        or_declined(py, Operation::Unsign, || {
            let value = self.plain.unsign(octets(text)?).map_err(|_| Declined)?;
            Ok(PyBytes::new(py, value).into_any())
        })
    }

    /// The signature of a value alone.
    fn get_signature<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        or_declined(py, Operation::Sign, || {
            let signature = self.plain.signature(octets(value)?);
            Ok(PyBytes::new(py, signature.as_bytes()).into_any())
        })
    }

    /// Whether a signature is that of a value.
    fn verify_signature<'py>(
        &self,
        value: &Bound<'py, PyAny>,
        signature: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        or_declined(py, Operation::Unsign, || {
            // Text beyond ASCII is dropped by the original before it is decoded.
            let signature = octets(signature)?;
            if !signature.is_ascii() {
                return Err(Declined);
            }
            let verified = self.plain.verify(octets(value)?, signature);
            Ok(PyBool::new(py, verified).to_owned().into_any())
        })
    }

    /// The signed text of a value and the time.
    fn sign_at<'py>(
        &self,
        value: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        or_declined(py, Operation::Sign, || {
            let signed = self.timed.sign(octets(value)?, seconds(now)?);
            Ok(PyBytes::new(py, &signed).into_any())
        })
    }

    /// The value of a signed text, and when it was signed, in seconds.
    fn unsign_at<'py>(
        &self,
        text: &Bound<'py, PyAny>,
        max_age: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = text.py();
        or_declined(py, Operation::Unsign, || {
            let stamped = self
                .timed
                .unsign(octets(text)?, age(max_age)?, seconds(now)?)
                .map_err(|_| Declined)?;
            let pair = (PyBytes::new(py, stamped.value), stamped.secs);
            Ok(pair.into_pyobject(py)?.into_any())
        })
    }

    /// The signed text of an object.
    fn dumps<'py>(&self, object: &Bound<'py, PyAny>, spelling: u8) -> PyResult<Bound<'py, PyAny>> {
        let py = object.py();
        or_declined(py, Operation::Dumps, || {
            let mut text = self.payload(object, spelling)?;
            self.plain.sign_in_place(&mut text);
            Ok(PyString::from_bytes(py, &text)?.into_any())
        })
    }

    /// The object of a signed text.
    fn loads<'py>(&self, text: &Bound<'py, PyAny>, spelling: u8) -> PyResult<Bound<'py, PyAny>> {
        let py = text.py();
        or_declined(py, Operation::Loads, || {
            let payload = self.plain.unsign(octets(text)?).map_err(|_| Declined)?;
            self.object(py, payload, spelling)
        })
    }

    /// The signed text of an object and the time.
    fn dumps_at<'py>(
        &self,
        object: &Bound<'py, PyAny>,
        spelling: u8,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = object.py();
        or_declined(py, Operation::Dumps, || {
            let mut text = self.payload(object, spelling)?;
            self.timed.sign_in_place(&mut text, seconds(now)?);
            Ok(PyString::from_bytes(py, &text)?.into_any())
        })
    }

    /// The object of a signed text.
    fn loads_at<'py>(
        &self,
        text: &Bound<'py, PyAny>,
        spelling: u8,
        max_age: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = text.py();
        or_declined(py, Operation::Loads, || {
            let text = octets(text)?;
            let stamped =
                self.timed.unsign(text, age(max_age)?, seconds(now)?).map_err(|_| Declined)?;
            // The original makes a datetime of it, whether anybody wants that or not.
            stamped.signed_at().map_err(|_| Declined)?;
            self.object(py, stamped.value, spelling)
        })
    }

    fn __repr__(&self) -> &'static str {
        "<sessile._sessile.Signed>"
    }
}

impl Signed {
    fn payload(&self, object: &Bound<'_, PyAny>, spelling: u8) -> Result<Vec<u8>, Declined> {
        let json = Spelling::numbered(spelling)?.write(object)?;
        match self.url_safe {
            true if json.len() > LONGEST_COMPRESSED => Err(Declined),
            true => Ok(pack(&json)),
            false => Ok(json),
        }
    }

    fn object<'py>(
        &self,
        py: Python<'py>,
        payload: &[u8],
        spelling: u8,
    ) -> Result<Bound<'py, PyAny>, Declined> {
        let spelling = Spelling::numbered(spelling)?;
        let value = if self.url_safe {
            spelling.read(&unpack(payload, zlib::MAX_INFLATED).map_err(|_| Declined)?)?
        } else {
            spelling.read(payload)?
        };
        object_of(py, value)
    }
}

fn made(
    keys: Vec<Vec<u8>>,
    salt: Vec<u8>,
    sep: Vec<u8>,
    derivation: &str,
    digest: &str,
    url_safe: bool,
) -> Option<Signed> {
    let derivation = match derivation {
        "concat" => Derivation::Concat,
        "django-concat" => Derivation::DjangoConcat,
        "hmac" => Derivation::Hmac,
        "none" => Derivation::None,
        _ => return None,
    };
    let digest = match digest {
        "sha1" => Digest::Sha1,
        "sha256" => Digest::Sha256,
        "sha384" => Digest::Sha384,
        "sha512" => Digest::Sha512,
        _ => return None,
    };
    // Keys of any strength: they are in use already.
    let keys = keys.into_iter().map(SecretKey::allow_weak).collect::<Result<Vec<_>, _>>().ok()?;
    let ring = KeyRing::from_oldest_first(keys).ok()?;
    let options = SignerOptions { salt: salt.into(), separator: sep.into(), derivation, digest };
    let plain = Signer::new(&ring, options.clone()).ok()?;
    let timed = TimestampSigner::new(&ring, options).ok()?;
    Some(Signed { plain, timed, url_safe })
}
