#!/usr/bin/env node
// Reads messages with npm's mailparser, and compares what each says with what it should.
//
//   mailparser.js FOLDER      FOLDER holds the messages and expected.json; NODE_PATH leads to mailparser
//
// Findings go to stdout; any make the exit code 1.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { domainToASCII } = require('node:url');
// Its own dependency, which decodes what it leaves encoded.
const libmime = require('libmime');
const { simpleParser } = require('mailparser');

const WAY_OUT = '⟦way out⟧';
// Stands for the address of a picture that the message brings along, by the name of its file.
const PICTURE = /⟦cid ([^⟧]*)⟧/g;

// Options that keep mailparser from changing what it read: no text made of HTML, no links made of text.
const AS_IT_IS = { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true, skipImageLinks: true };

// mailparser shows a domain in the letters that people read.
function travelling(address) {
    const at = address.lastIndexOf('@');
    return `${address.slice(0, at)}@${domainToASCII(address.slice(at + 1))}`;
}

function mailboxes(field) {
    return field ? field.value.map(({ name, address }) => ({ name, address: travelling(address) })) : null;
}

function box(person) {
    return person ? [{ name: person.name, address: person.address }] : null;
}

// mailparser takes the line breaks off the end of a text and turns every CRLF into LF.
function trimmed(text) {
    return typeof text === 'string' ? text.replace(/\r\n/g, '\n').replace(/\n+$/, '') : null;
}

function words(text) {
    return typeof text === 'string' ? text.split(/\s+/).filter((word) => word !== '') : null;
}

function firstWayOut(mail) {
    const list = mail.headers.get('list') || {};
    const { url, mail: address } = list.unsubscribe || {};
    return { url, address };
}

// The value of a field as it is written, which mailparser hands over beside what it means.
function rawWays(mail) {
    const line = mail.headerLines.find(({ key }) => key === 'list-unsubscribe');
    return line ? [...line.line.matchAll(/<([^>]*)>/g)].map((match) => match[1]) : [];
}

// The address of the inline part with that file name.
function picture(mail, name) {
    const parts = mail.attachments.filter((file) => file.filename === name && file.contentDisposition === 'inline');
    return parts.length === 1 ? `cid:${parts[0].cid}` : `one picture of ${parts.length}`;
}

function* compare(mail, expected) {
    yield ['From', mailboxes(mail.from), box(expected.from)];
    yield ['To', mailboxes(mail.to), box(expected.to)];
    yield ['Reply-To', mailboxes(mail.replyTo), box(expected.reply_to)];
    yield ['Subject', mail.subject, expected.subject];
    for (const [name, value] of Object.entries(expected.headers)) {
        // Fields that it does not know it leaves as they are written.
        yield [name, libmime.decodeWords(mail.headers.get(name.toLowerCase())), value];
    }
    const ways = rawWays(mail);
    const { url, address } = firstWayOut(mail);
    yield ['the link to leave by', url !== undefined, expected.link];
    yield ['the address to leave by', address !== undefined, expected.mailto];
    yield ['Date', mail.date instanceof Date && !Number.isNaN(mail.date.valueOf()), true];
    yield ['Message-ID', /^<[^<>@\s]+@[^<>@\s]+>$/.test(mail.messageId), true];
    for (const kind of ['text', 'html']) {
        const left = expected[kind]?.replaceAll(WAY_OUT, ways[0]);
        const filled = left?.replaceAll(PICTURE, (_, name) => picture(mail, name));
        const spaced = kind === 'text' && expected.spaces_of_text === 'free' ? words : trimmed;
        yield [kind, spaced(mail[kind] || null), spaced(filled)];
    }
    const files = mail.attachments.map((file) => ({
        name: file.filename ?? null,
        type: file.contentType,
        disposition: file.contentDisposition,
        sha256: crypto.createHash('sha256').update(file.content).digest('hex'),
    }));
    yield ['files', files, expected.files || []];
}

function shortened(value) {
    const text = JSON.stringify(value) ?? 'nothing';
    return text.length <= 400 ? text : `${text.slice(0, 400)}... (${text.length} characters)`;
}

// With the keys of every object in one order.
function canonical(value) {
    return JSON.stringify(value, (_, part) =>
        part && typeof part === 'object' && !Array.isArray(part)
            ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
            : part,
    );
}

async function main(folder) {
    const letters = JSON.parse(fs.readFileSync(path.join(folder, 'expected.json'), 'utf8'));
    let findings = 0;
    for (const expected of letters) {
        const mail = await simpleParser(fs.readFileSync(path.join(folder, expected.file)), AS_IT_IS);
        for (const [what, got, wanted] of compare(mail, expected)) {
            if (canonical(got ?? null) !== canonical(wanted ?? null)) {
                const whose = `${expected.file} (${expected.campaign}, ${expected.to.address})`;
                console.log(`${whose}: ${what}: ${shortened(got)}, and should be ${shortened(wanted)}`);
                findings += 1;
            }
        }
    }
    console.log(`mailparser: ${letters.length} messages, ${findings} findings`);
    return findings > 0 || letters.length === 0 ? 1 : 0;
}

if (process.argv.length !== 3) {
    console.error('mailparser.js FOLDER');
    process.exit(2);
}
main(process.argv[2]).then((code) => process.exit(code));
