// Makes TC strings with the reference implementation of the IAB, and what it says of them:
//   npm install @iabtcf/core@1.5.6 && node tools/tcf_vectors.mjs 40 1 150 > tests/unit/profile/tcf_vectors.json
// Arguments: how many, a seed, and the highest vendor. TCF_REFERENCE: the folder of node_modules, when it is not this one.
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const require = createRequire(pathToFileURL((process.env.TCF_REFERENCE ?? process.cwd()) + "/"));
const {TCModel, TCString, PurposeRestriction, RestrictionType, GVL} = require("@iabtcf/core");

const [count, seed, vendors_most] = process.argv.slice(2).map(Number);
let state = seed >>> 0;
const random = (most) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * most);
};
const some = (highest, share) => Array.from({length: highest}, (_, at) => at + 1).filter(() => random(100) < share);

const purposes = Object.fromEntries(some(11, 101).map((id) => [id, {id, name: "", description: "", illustrations: []}]));
const vendors = Object.fromEntries(
  some(1200, 101).map((id) => [id, {id, name: "v", purposes: some(11, 101), legIntPurposes: [2, 7, 8, 9, 10, 11],
    flexiblePurposes: some(11, 101), specialPurposes: [], features: [], specialFeatures: [], policyUrl: "", usesCookies: true,
    cookieMaxAgeSeconds: 1, cookieRefresh: false, usesNonCookieAccess: false}]),
);
const list = new GVL({
  gvlSpecificationVersion: 3, vendorListVersion: 48, tcfPolicyVersion: 4, lastUpdated: "2024-01-01T00:00:00Z",
  purposes, specialPurposes: {}, features: {}, specialFeatures: {1: {id: 1}, 2: {id: 2}}, stacks: {}, vendors,
  dataCategories: {},
});

const found = [];
for (let at = 0; at < count; at += 1) {
  const model = new TCModel(list);
  model.cmpId = 2 + random(4000);
  model.cmpVersion = 1 + random(60);
  model.consentScreen = random(60);
  model.consentLanguage = "DE";
  model.publisherCountryCode = "DE";
  model.isServiceSpecific = true;
  const day = 86400000;
  model.created = new Date(Math.floor(1600000000000 / day) * day + random(1500) * day);
  model.lastUpdated = new Date(model.created.getTime() + random(100) * day);
  const share = [0, 5, 50, 95, 101][random(5)];
  const highest = [0, 1, 30, vendors_most][random(4)];
  model.purposeConsents.set(some(11, share));
  model.purposeLegitimateInterests.set(some(11, 101 - share).filter((one) => one !== 1));
  model.specialFeatureOptins.set(some(2, 50));
  model.vendorConsents.set(some(highest, share));
  model.vendorLegitimateInterests.set(some(highest, 50));
  for (const purposeId of some(5, 20)) {
    const restrictionType = [RestrictionType.NOT_ALLOWED, RestrictionType.REQUIRE_CONSENT][random(2)];
    for (const vendor of some(40, 30)) {
      model.publisherRestrictions.add(vendor, new PurposeRestriction(purposeId, restrictionType));
    }
  }
  const text = TCString.encode(model);
  const told = TCString.decode(text);
  const forbidden = {};
  for (const one of told.publisherRestrictions.getRestrictions()) {
    if (one.restrictionType === RestrictionType.NOT_ALLOWED) {
      forbidden[one.purposeId] = [...told.publisherRestrictions.getVendors(one)];
    }
  }
  const ids = (vector) => [...vector].filter(([, yes]) => yes).map(([id]) => id);
  found.push({
    text, version: told.version, created: told.created.getTime(), updated: told.lastUpdated.getTime(),
    cmp_id: told.cmpId, vendor_list: told.vendorListVersion, policy: told.policyVersion,
    special_features: ids(told.specialFeatureOptins), consents: ids(told.purposeConsents),
    interests: ids(told.purposeLegitimateInterests), vendor_consents: ids(told.vendorConsents),
    vendor_interests: ids(told.vendorLegitimateInterests), forbidden,
  });
}
process.stdout.write("[\n" + found.map((one) => JSON.stringify(one)).join(",\n") + "\n]\n");
