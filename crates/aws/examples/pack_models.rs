//! Packs exported service models: `pack_models EXPORT TABLE`. Called by `cargo xtask models`.

use std::error::Error;
use std::{env, fs};

use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [export, table] = arguments.as_slice() else {
        return Err("usage: pack_models EXPORT TABLE".into());
    };
    let export = fs::read_to_string(export)?;
    let digest = hex::encode(Sha256::digest(export.as_bytes()));
    let packed = aws::model::pack(&export, &digest)?;
    fs::write(table, &packed)?;
    let catalog = aws::model::Catalog::read(Box::leak(packed.clone().into_boxed_slice()))
        .ok_or("the packed table cannot be read back")?;
    for name in catalog.names() {
        catalog.service(name)?;
    }
    let version = catalog.version();
    println!("botocore = {version}");
    println!("source-sha256 = {digest}");
    println!("table-sha256 = {}", hex::encode(Sha256::digest(&packed)));
    Ok(())
}
