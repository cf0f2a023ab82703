import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { monthOf, parseTimestamp } from "../../src/schema/timestamps.ts";

const moments: Readonly<Record<string, string>> = {
  "2025-01-01": "2025-01-01T00:00:00.000000Z",
  "2018-05-01T00:00:00Z": "2018-05-01T00:00:00.000000Z",
  "2023-11-01T00:00:00.000Z": "2023-11-01T00:00:00.000000Z",
  "2022-07-01 00:00:00.000": "2022-07-01T00:00:00.000000Z",
  "2025-03-01 01:00:00+00:00": "2025-03-01T01:00:00.000000Z",
  "2025-03-01 01:00:00+00": "2025-03-01T01:00:00.000000Z",
  "2025-03-01 01:00:00 UTC": "2025-03-01T01:00:00.000000Z",
  "2024-01-01T00:00Z": "2024-01-01T00:00:00.000000Z",
  "2024-01-01T10:59": "2024-01-01T10:59:00.000000Z",
  "2019-07-29 00:00:00": "2019-07-29T00:00:00.000000Z",
  "2025-03-21T21:04:06.5234447Z": "2025-03-21T21:04:06.523444Z",
  "2025-03-21T21:04:06.999999999": "2025-03-21T21:04:06.999999Z",
  "2025-03-21T21:04:06.5": "2025-03-21T21:04:06.500000Z",
  "2025-01-01T00:30:00+01:00": "2024-12-31T23:30:00.000000Z",
  "2024-12-31T23:30:00-01:00": "2025-01-01T00:30:00.000000Z",
  "2024-02-29T23:00:00-05:30": "2024-03-01T04:30:00.000000Z",
  "2023-03-01T00:00:00+14": "2023-02-28T10:00:00.000000Z",
  "0001-01-01T00:00:00": "0001-01-01T00:00:00.000000Z",
  "0099-12-31T23:00:00-02:00": "0100-01-01T01:00:00.000000Z",
  "9999-12-31": "9999-12-31T00:00:00.000000Z",
  "9/2/2023": "2023-09-02T00:00:00.000000Z",
  "09/30/2023": "2023-09-30T00:00:00.000000Z",
  "02/29/2024": "2024-02-29T00:00:00.000000Z",
  "12/1/2023 08:15:00": "2023-12-01T08:15:00.000000Z",
};

const notMoments = [
  "",
  " ",
  "2025",
  "2025-01",
  "20250101",
  "2025-1-1",
  "2025-13-01",
  "2025-00-01",
  "2025-01-00",
  "2025-01-32",
  "2025-04-31",
  "2025-02-29",
  "1900-02-29",
  "0000-01-01",
  "13/01/2023",
  "30/09/2023",
  "02/30/2024",
  "3/1/21",
  "2025-01-01T24:00:00",
  "2025-01-01T23:60",
  "2025-01-01T23:59:60",
  "2025-01-01T1:00",
  "2025-01-01T10:00:00.1234567890",
  "2025-01-01T10:00:00.",
  "2025-01-01T10:00:00+24:00",
  "2025-01-01T10:00:00+01:60",
  "2025-01-01T10:00:00+0100",
  "2025-01-01T10:00:00 CET",
  "2025-01-01Z",
  "2025-01-01 ",
  " 2025-01-01",
  "2025-01-01T",
  "0001-01-01T00:00:00+01:00",
  "9999-12-31T23:59:59-01:00",
  "2018-05-01T00:00:00Z/2018-05-01T01:00:00Z",
  "１２/01/2023",
];

describe("timestamps", () => {
  for (const [text, moment] of Object.entries(moments)) {
    it(`reads ${text}`, () => assert.equal(parseTimestamp(text), moment));
  }

  for (const text of notMoments) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseTimestamp(text), undefined));
  }

  it("agrees with Date on every hour and offset around the turn of months", () => {
    for (let hour = 0; hour < 24; hour++) {
      for (let offset = -12; offset <= 14; offset++) {
        for (const day of ["2024-02-28", "2024-12-31", "2025-03-01", "2025-01-01"]) {
          const zone = `${offset < 0 ? "-" : "+"}${String(Math.abs(offset)).padStart(2, "0")}:00`;
          const text = `${day}T${String(hour).padStart(2, "0")}:07:09${zone}`;
          assert.equal(parseTimestamp(text), new Date(text).toISOString().replace(".000Z", ".000000Z"), text);
        }
      }
    }
  });

  it("takes every day of the calendar and no other", () => {
    for (const year of [1900, 2000, 2023, 2024]) {
      for (let month = 1; month <= 12; month++) {
        for (let day = 1; day <= 31; day++) {
          const text = `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
          const date = new Date(Date.UTC(year, month - 1, day));
          assert.equal(parseTimestamp(text) !== undefined, date.getUTCDate() === day, text);
        }
      }
    }
  });
});

describe("month of a timestamp", () => {
  it("is the month in UTC", () => {
    assert.equal(monthOf("2025-01-31"), "2025-01");
    assert.equal(monthOf("2/1/2025"), "2025-02");
    assert.equal(monthOf("2025-02-01T00:30:00+01:00"), "2025-01");
    assert.equal(monthOf("soon"), undefined);
  });
});
