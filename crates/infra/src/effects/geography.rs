//! Countries of addresses, from a file in MaxMind's format.

use domain::ports::effects::Geography;
use maxminddb::{Reader, geoip2};
use std::net::IpAddr;
use std::path::Path;

/// A file of countries or cities, held in memory.
pub struct GeoFile {
    reader: Reader<Vec<u8>>,
}

/// The file is no database of addresses.
#[derive(Debug, thiserror::Error)]
#[error("the GeoIP file {path} cannot be read: {reason}")]
pub struct BadGeoFile {
    path: String,
    reason: String,
}

impl GeoFile {
    /// Reads a file, once.
    pub fn open(path: &Path) -> Result<GeoFile, BadGeoFile> {
        match Reader::open_readfile(path) {
            Ok(reader) => Ok(GeoFile { reader }),
            Err(error) => Err(BadGeoFile { path: path.display().to_string(), reason: error.to_string() }),
        }
    }
}

impl Geography for GeoFile {
    fn country(&self, address: IpAddr) -> Option<String> {
        let found = self.reader.lookup(address.to_canonical()).ok()?;
        let record = found.decode::<geoip2::Country<'_>>().ok()??;
        record.country.iso_code.map(str::to_owned)
    }
}

/// Knows no address: no file is configured.
#[derive(Clone, Copy, Debug)]
pub struct NoGeography;

impl Geography for NoGeography {
    fn country(&self, _: IpAddr) -> Option<String> {
        None
    }
}
