-- Who is limited to some sites or products. An account without rows in one of them reaches all.

CREATE TABLE account_site (
    organisation TEXT NOT NULL,
    account TEXT NOT NULL,
    site TEXT NOT NULL,
    PRIMARY KEY (organisation, account, site),
    FOREIGN KEY (organisation, account) REFERENCES account (organisation, id)
);
CREATE TABLE account_product (
    organisation TEXT NOT NULL,
    account TEXT NOT NULL,
    product TEXT NOT NULL,
    PRIMARY KEY (organisation, account, product),
    FOREIGN KEY (organisation, account) REFERENCES account (organisation, id),
    FOREIGN KEY (organisation, product) REFERENCES product (organisation, id)
);
