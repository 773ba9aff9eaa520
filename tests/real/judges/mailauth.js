#!/usr/bin/env node
// Verifies the DKIM signatures of messages with npm's mailauth.
//
//   mailauth.js FOLDER      FOLDER holds the messages, expected.json, and keys.json: an object of records, by name;
//                           NODE_PATH leads to mailauth
//
// Every message must bear as many signatures as `signatures` in expected.json says, all of them valid and of the
// domain of From. Findings go to stdout; any make the exit code 1.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { dkimVerify } = require('mailauth/lib/dkim/verify');

async function main(folder) {
    const records = JSON.parse(fs.readFileSync(path.join(folder, 'keys.json'), 'utf8'));
    const letters = JSON.parse(fs.readFileSync(path.join(folder, 'expected.json'), 'utf8'));
    const resolver = async (name, type) => {
        if (type === 'TXT' && records[name.toLowerCase()] !== undefined) {
            return [[records[name.toLowerCase()]]];
        }
        throw Object.assign(new Error(`no ${type} of ${name}`), { code: 'ENOTFOUND' });
    };
    let [findings, signatures] = [0, 0];
    for (const expected of letters) {
        const { results } = await dkimVerify(fs.readFileSync(path.join(folder, expected.file)), { resolver });
        const signed = results.filter(({ status }) => status.result !== 'none');
        const found = signed
            .filter(({ status }) => status.result !== 'pass' || !status.aligned)
            .map(({ selector, status }) => `${selector}: ${status.result}, ${status.comment ?? 'not of the domain of From'}`);
        if (signed.length !== expected.signatures) {
            found.push(`${signed.length} signatures, and should be ${expected.signatures}`);
        }
        for (const words of found) {
            console.log(`${expected.file} (${expected.campaign}, ${expected.to.address}): ${words}`);
        }
        findings += found.length;
        signatures += signed.length;
    }
    console.log(`mailauth: ${letters.length} messages, ${signatures} signatures, ${findings} findings`);
    return findings > 0 || signatures === 0 ? 1 : 0;
}

if (process.argv.length !== 3) {
    console.error('mailauth.js FOLDER');
    process.exit(2);
}
main(process.argv[2]).then((code) => process.exit(code));
