//! The fields of an inventory of medical devices, as one table: reading, checking, comparing,
//! showing and exporting devices all go through it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// Yes or no.
    Flag,
    /// A calendar day.
    Day,
    /// A whole number that is not negative.
    Count,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Hardware addresses of network interfaces.
    MacAddresses,
    /// Network addresses.
    IpAddresses,
}

/// Who owns a device.
const OWNERSHIP: &[&str] = &["owned", "leased", "loaner", "rental", "consigned"];
/// Whether it keeps health information of patients.
const HEALTH_INFORMATION: &[&str] = &["none", "transient", "stored"];
/// Where it is in its life.
const STATUS: &[&str] =
    &["in-service", "spare", "in-maintenance", "quarantined", "retired", "missing"];
const UNIQUENESS: &[&str] = &["unique", "shared"];

macro_rules! fields {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $kind:expr, [$($alias:literal),*];)+) => {
        /// A field of a device.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DeviceField { $($(#[doc = $doc])+ $variant,)+ }

        impl DeviceField {
            /// Every field, in the order in which a person reads them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in files and interfaces.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it holds.
            pub fn kind(self) -> FieldKind {
                match self { $(Self::$variant => $kind,)+ }
            }

            /// What it is, in a line.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// What maintenance systems call it, in lower case without punctuation.
            pub fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($alias),*],)+ }
            }
        }
    };
}

fields! {
    /// The number on the owner's label
    AssetTag "asset_tag" FieldKind::Text, ["asset", "asset no", "asset number", "tag", "tag number", "equipment id", "equipment no", "equipment number", "control number", "inventory number", "ce number", "inventarnummer"];
    /// The maker's serial number
    Serial "serial" FieldKind::Text, ["serial no", "serial number", "sn", "s n", "seriennummer"];
    /// The device identifier of its UDI
    UdiDeviceIdentifier "udi_di" FieldKind::Text, ["udi", "di", "gtin", "device identifier", "primary di"];
    /// The lot of its UDI
    Lot "lot" FieldKind::Text, ["batch", "lot no", "lot number"];
    /// The day on which it was made
    Manufactured "manufactured" FieldKind::Day, ["manufacture date", "date of manufacture", "mfg date", "production date"];
    /// The day until which it may be used
    Expires "expires" FieldKind::Day, ["expiry", "expiry date", "expiration date", "use by"];
    /// Who made it
    Manufacturer "manufacturer" FieldKind::Text, ["mfr", "mfg", "maker", "vendor", "brand", "oem", "hersteller"];
    /// Its model
    Model "model" FieldKind::Text, ["model name", "model number", "model no", "device model", "typ", "modell"];
    /// What the maker's catalogue calls it
    CatalogueNumber "catalog_no" FieldKind::Text, ["catalog number", "catalogue number", "part number", "ref", "reference number"];
    /// The FDA's product code
    ProductCode "fda_product_code" FieldKind::Text, ["product code", "fda code", "procode"];
    /// Its class by law
    DeviceClass "device_class" FieldKind::Text, ["class", "mdr class"];
    /// The term of the Global Medical Device Nomenclature
    Gmdn "gmdn" FieldKind::Text, ["gmdn code", "gmdn term", "device type", "category", "description", "equipment description"];
    /// The version of its firmware
    FirmwareVersion "firmware_version" FieldKind::Text, ["firmware", "fw", "fw version", "firmware rev"];
    /// The version of its software
    SoftwareVersion "software_version" FieldKind::Text, ["software", "sw", "sw version", "software rev", "application version"];
    /// Its operating system
    OsName "os_name" FieldKind::Text, ["os", "operating system"];
    /// The version of its operating system
    OsVersion "os_version" FieldKind::Text, ["operating system version"];
    /// Its name in the network
    Hostname "hostname" FieldKind::Text, ["host", "host name", "computer name", "dns name", "fqdn"];
    /// Hardware addresses of its interfaces
    Mac "mac" FieldKind::MacAddresses, ["mac address", "mac addresses", "ethernet address", "hardware address"];
    /// Its network addresses
    Ip "ip" FieldKind::IpAddresses, ["ip address", "ip addresses", "ipv4", "network address"];
    /// The virtual network it belongs to
    Vlan "vlan" FieldKind::Text, ["vlan id", "network segment", "segment"];
    /// The switch port or wireless network it hangs on
    Attachment "attachment" FieldKind::Text, ["switch port", "switch", "port", "ssid", "wireless network"];
    /// The site it stands at
    Site "site" FieldKind::Text, ["facility", "hospital", "campus", "location"];
    /// The building
    Building "building" FieldKind::Text, ["bldg"];
    /// The room
    Room "room" FieldKind::Text, ["room number", "room no"];
    /// The department or ward that uses it
    Department "department" FieldKind::Text, ["dept", "ward", "unit", "cost center", "using department", "owner department"];
    /// Who answers for its clinical use
    ClinicalOwner "clinical_owner" FieldKind::Text, ["clinical contact"];
    /// Who maintains it
    TechnicalOwner "technical_owner" FieldKind::Text, ["technician", "biomed", "htm owner", "responsible", "serviced by"];
    /// Who answers for its connection
    ItOwner "it_owner" FieldKind::Text, ["it contact"];
    /// Whom to call at its maker
    VendorContact "vendor_contact" FieldKind::Text, ["service contact", "manufacturer contact"];
    /// Who owns it
    Ownership "ownership" FieldKind::Choice(OWNERSHIP), ["owner type", "acquisition"];
    /// Whether it is connected to a network
    NetworkConnected "network_connected" FieldKind::Flag, ["networked", "connected", "on network"];
    /// Whether somebody reaches it from outside
    RemoteAccess "remote_access" FieldKind::Flag, ["remote", "remote support", "vendor remote access"];
    /// What it keeps of patients' data
    HealthInformation "phi" FieldKind::Choice(HEALTH_INFORMATION), ["ephi", "patient data"];
    /// About how many records of patients it keeps
    HealthRecords "phi_records" FieldKind::Count, ["phi records", "records", "patient records"];
    /// Whether it supports life
    LifeSupport "life_support" FieldKind::Flag, ["life support device", "life sustaining"];
    /// Whether it is maintained otherwise than the maker says
    AlternativeMaintenance "aem" FieldKind::Flag, ["aem program", "alternative equipment maintenance"];
    /// The risk class of the owner's inventory
    RiskClass "risk_class" FieldKind::Text, ["risk", "risk level", "risk score", "high risk"];
    /// Every how many days it is maintained
    MaintenanceInterval "pm_interval_days" FieldKind::Count, ["pm interval", "pm interval days", "maintenance interval"];
    /// The day of the last maintenance
    LastMaintenance "last_pm" FieldKind::Day, ["last pm date", "last maintenance", "last inspection"];
    /// The day of the next maintenance
    NextMaintenance "next_pm" FieldKind::Day, ["next pm date", "pm due", "due date", "next maintenance", "next inspection"];
    /// The day its warranty or contract ends
    ContractEnd "contract_end" FieldKind::Day, ["warranty end", "warranty expiration", "contract expiration"];
    /// The day it was put into service
    InService "in_service" FieldKind::Day, ["in service date", "install date", "installation date", "acquisition date", "purchase date"];
    /// The day its maker stops selling it
    EndOfLife "eol" FieldKind::Day, ["eol date", "end of life"];
    /// The day its maker stops supporting it
    EndOfSupport "eos" FieldKind::Day, ["eos date", "end of support", "end of service"];
    /// The year in which it is to be replaced
    ReplacementYear "replacement_year" FieldKind::Count, ["replace year", "planned replacement"];
    /// The maker's disclosure statement for it
    DisclosureStatement "mds2" FieldKind::Text, ["mds2 id", "mds2 document"];
    /// Whether it serves or can harm several patients at once
    MultiPatient "multi_patient" FieldKind::Flag, ["multiple patients"];
    /// How many spares there are
    Spares "spares" FieldKind::Count, ["spare count", "backup units"];
    /// Whether it works safely without the network
    SafeWithoutNetwork "safe_without_network" FieldKind::Flag, ["standalone safe"];
    /// Who says that it works safely without the network
    SafeWithoutNetworkSource "safe_without_network_source" FieldKind::Text, [];
    /// How it may be isolated
    IsolationPolicy "isolation_policy" FieldKind::Text, ["isolation"];
    /// The system it is a part of, with its workstations and servers
    System "system" FieldKind::Text, ["system name", "parent", "parent system"];
    /// What it is in that system
    SystemRole "system_role" FieldKind::Text, ["role", "role in system"];
    /// Whether it is bound to the corporate directory
    DirectoryBound "directory_bound" FieldKind::Flag, ["domain joined", "ad joined", "directory"];
    /// Whether the directory's groups are mapped to its roles
    RolesMapped "roles_mapped" FieldKind::Flag, ["role mapping"];
    /// After how many failures it locks an account
    RetryLimit "retry_limit" FieldKind::Count, ["lockout threshold", "login attempts"];
    /// Whether the maker's default password was changed
    DefaultPasswordChanged "default_password_changed" FieldKind::Flag, ["password changed", "default credentials changed"];
    /// Who changed the default password
    DefaultPasswordChangedBy "default_password_changed_by" FieldKind::Text, [];
    /// When the default password was changed
    DefaultPasswordChangedOn "default_password_changed_on" FieldKind::Day, [];
    /// Whether its keys are its own or shared with other units
    Keys "keys" FieldKind::Choice(UNIQUENESS), ["key uniqueness"];
    /// Where its keys are kept
    KeysKept "keys_kept" FieldKind::Text, ["key storage"];
    /// Where it is in its life
    Status "status" FieldKind::Choice(STATUS), ["equipment status", "state"];
}

impl fmt::Display for DeviceField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name that no field has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no field of a device is called {0:?}")]
pub struct UnknownField(pub String);

impl FromStr for DeviceField {
    type Err = UnknownField;

    fn from_str(text: &str) -> Result<Self, UnknownField> {
        let found = Self::ALL.iter().copied().find(|field| field.name() == text);
        found.ok_or_else(|| UnknownField(text.to_owned()))
    }
}

impl Serialize for DeviceField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for DeviceField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
