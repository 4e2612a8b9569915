//! Cases made by the original libraries, run against sessile.
//!
//! A vector file holds inputs and what Flask, Flask-Session, Django,
//! itsdangerous, Werkzeug or Starlette made of them. [`case`] reads the files,
//! [`typed`] turns their values into ours and back, [`ops`] does with an input
//! what the original did, [`run`] compares.

pub mod case;
pub mod ops;
pub mod run;
pub mod typed;
