"""`python -m woopra_pipeline.tables` prints `docs/schema.md`."""

from woopra_pipeline.tables.schema_page import schema_page

if __name__ == "__main__":
    print(schema_page(), end="")
