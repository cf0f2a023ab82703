import {
  cases,
  type Expression,
  extracted,
  first,
  isOneOf,
  joined,
  lower,
  matches,
  nothing,
  present,
  replaced,
  text,
  where,
} from "../expression.ts";

/** The identifier that Azure writes where there is no subscription: Microsoft Learn, "Understand usage details fields". */
const noSubscription = "00000000-0000-0000-0000-000000000000";

/**
 * A subscription, whose identifier is in lower case, as exports in FOCUS columns name it: `/subscriptions/` with the identifier, which
 * other exports write alone.
 */
export function subscription(id: Expression): Expression {
  return cases(
    [
      [isOneOf(id, noSubscription, `/subscriptions/${noSubscription}`), nothing()],
      [matches(id, "^/subscriptions/"), id],
    ],
    where(present(id), joined("", text("/subscriptions/"), id)),
  );
}

/**
 * The resource type in a resource's identifier: `microsoft.sql/servers/databases` of
 * `/subscriptions/../providers/microsoft.sql/servers/crm/databases/crmdb`.
 */
export function resourceType(id: Expression): Expression {
  const path = lower(id);
  // Most types have one level, and one pattern without a start takes half the time of the others.
  const simple = extracted(path, "/providers/([^/]+/[^/]+)/[^/]+$");
  // A pattern that captures the rest of a text takes three times as long.
  const type = replaced(path, "^.*/providers/", "");
  return first(simple, where(matches(path, "/providers/"), replaced(type, "/([^/]+)/[^/]+", "/\\1")));
}

/** A text as the lookups of regions and units have their keys: in lower case without blanks. */
export function lookupKey(of: Expression): Expression {
  return replaced(lower(of), "\\s", "");
}
