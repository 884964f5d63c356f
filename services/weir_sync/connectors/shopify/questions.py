"""What the store is asked, in GraphQL."""

DESCRIBE = "query Describe($location: ID!) { nodes(ids: [$location]) { ... on Location { isActive } } }"
ITEMS = """query Items($query: String!, $first: Int!, $after: String) {
  inventoryItems(query: $query, first: $first, after: $after) { nodes { id sku } pageInfo { hasNextPage endCursor } }
}"""
SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}"""
SHOWN = """query Shown($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem { id inventoryLevel(locationId: $location) { quantities(names: ["available"]) { quantity } } }
  }
}"""
ORDERS = """query Orders($query: String!, $first: Int!, $after: String, $lines: Int!) {
  orders(query: $query, first: $first, after: $after, sortKey: UPDATED_AT) {
    nodes {
      id createdAt updatedAt cancelledAt
      lineItems(first: $lines) { nodes { sku quantity } pageInfo { hasNextPage endCursor } }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""
LINES = """query Lines($order: ID!, $first: Int!, $after: String) {
  order(id: $order) { lineItems(first: $first, after: $after) {
    nodes { sku quantity } pageInfo { hasNextPage endCursor }
  } }
}"""
