/*! njs-cert-rotation 0.1.0 | MIT | https://github.com/njs-cert-rotation/njs-cert-rotation */
//
// The rooms of src/, in their order:
//
//   engine/                      what the njs engine lacks: refusals with codes, session types, clock, timers, workers
//   config/                      what the nginx variables say: settings, slots and paths
//   x509/                        PEM, certificates, keys and server names: functions of their arguments alone
//   disk/                        files, and the store of versions: what is written is whole whenever a worker is killed
//   zone/                        the shared dictionary: records, locks, negative answers, notes and counts
//   certs/                       decides which pair a name is served, and whether a pair may take its place
//   etcd/                        follows etcd, and writes puts and deletes to it first
//   scan/                        finds the certificates of a folder, a slice of work at a time
//   admin/                       the HTTP API, the clear for stream, and the metrics
//   warm.ts                      what a handshake needs that is served from the zone, but not a version under its own name
//   handshake.ts                 the hot path: the `js_set` handlers, answered from a fresh record
//   index.ts                     the exports that nginx sees
//
// Each has its functions that every handshake needs at the top level, and the others in stages. A stage is a function that
// declares others: stage() calls it once, when one of them is needed for the first time.
//
//   start_pem()                  a handshake that is served PEM
//     start_warm()               a handshake that is served from the zone, but not from the record under its own name
//       start_look()             a look at the store and at what `stat` tells of files
//         start_sweep()          the removal of versions that were replaced
//           start_read()         a look that has found something new: pairs are read, checked and kept
//             start_scan()       a scan
//               start_etcd()     etcd
//                 start_admin()  requests of the HTTP API
//
import hash from "crypto";
import fs from "fs";

// ======== zone/: the shared dictionary: records, locks, negative answers, notes and counts
// src/zone/dict.ts
/** The zone of that name, or undefined where none is declared. */
function zoneNamed(name) {
    return ngx.shared[name];
}
// src/zone/record.ts
/**
 * The path of a version that can be served without a look at the store. Runs in every handshake.
 *
 * @param record the value of the zone under a name, which may be any text
 * @param token the zone's clear token
 * @returns '' where the record is no version, or not fresh
 */
function freshPathOf(record, token) {
    if (record.slice(0, 13 /* CHECKED_AT */) !== "5" /* VERSION */ + token) return "";
    var left = +record.slice(38 /* PEM_AT */, 53 /* PATH_AT */) - Date.now();
    var isFresh2 = left > 0 && left <= 2e4 /* LONGEST_FRESH_MS */;
    return isFresh2 ? record.slice(53 /* PATH_AT */, +record.slice(32 /* PEM_END_AT */, 38 /* PEM_AT */)) : "";
}

// ======== handshake.ts: the hot path: the `js_set` handlers, answered from a fresh record
// src/handshake.ts
var memoSession;
var memoName;
var memoAnswer;
var memoRsaAnswer;
/**
 * The chain and key of the handshake's server name, for `js_set`: the path of a version in the store, which has both, or
 * without a store `data:` and the PEM of both.
 *
 * @returns `data:` alone where there is no pair to serve
 */
function js_pair(r) {
    return valueFor(r, false, "pair");
}
/**
 * The value of `js_pair` for a second `ssl_certificate` line: the RSA pair where the name has one beside another. Without
 * `$cert_file_rsa` the three handlers of the RSA slot answer as the others do.
 */
function js_pair_rsa(r) {
    return valueFor(r, true, "pair");
}
/** The chain, for `js_set`: the path of the version that `js_pair` returns, or `data:` and the chain's PEM alone. */
function js_cert(r) {
    return valueFor(r, false, "chain");
}
/** The key of the chain that `js_cert` returns for the same handshake, in the same form. */
function js_key(r) {
    return valueFor(r, false, "key");
}
/** The chain of the pair that `js_pair_rsa` returns, in the form of `js_cert`. */
function js_cert_rsa(r) {
    return valueFor(r, true, "chain");
}
/** The key of the pair that `js_pair_rsa` returns, in the form of `js_key`. */
function js_key_rsa(r) {
    return valueFor(r, true, "key");
}
function valueFor(r, isForRsa, part) {
    var variables = r.variables;
    var name = variables["cert_name"];
    if (memoSession !== r || memoName !== name) {
        memoSession = r;
        memoName = name;
        memoAnswer = void 0;
        memoRsaAnswer = void 0;
    }
    var answer2 = isForRsa ? memoRsaAnswer : memoAnswer;
    if (answer2 === void 0) {
        answer2 = freshAnswer(variables, name, isForRsa) || stage("look").resolve(r, isForRsa);
        if (isForRsa) memoRsaAnswer = answer2;
        else memoAnswer = answer2;
    }
    if (!answer2) return "data:" /* NOTHING */;
    return answer2 < "0" ? answer2 : "data:\n" /* DATA */ + stage("pem").partOf(answer2, part);
}
function freshAnswer(variables, nameInstead, isForRsa) {
    try {
        var zone = zoneNamed(variables["cert_zone"] || "certs");
        var name = nameInstead || variables["ssl_server_name"] || variables["cert_fallback"];
        if (!zone || !name || name < "+") return "";
        var token = zone.get("#clear" /* CLEAR_KEY */) || "000000000000" /* FIRST_TOKEN */;
        var record = zone.get(isForRsa && variables["cert_file_rsa"] ? "*rsa:" /* RSA_PREFIX */ + name : name);
        if (record !== void 0) {
            var answer2 = freshPathOf(record, token) || stage("pem").pemAnswer(variables, record, token);
            if (answer2) return answer2;
        }
        return stage("warm").otherAnswer(variables, name, isForRsa, record, token);
    } catch (e) {
        return "";
    }
}

// ======== index.ts: the exports that nginx sees
// src/index.ts
var src_default = {
    js_cert: js_cert,
    js_key: js_key,
    js_pair: js_pair,
    js_cert_rsa: js_cert_rsa,
    js_key_rsa: js_key_rsa,
    js_pair_rsa: js_pair_rsa,
    clear_cache: function(r) {
        return stage("admin").clear_cache(r);
    },
    clear_stream: function(r) {
        return stage("admin").clear_stream(r);
    },
    put_cert: function(r) {
        return stage("admin").put_cert(r);
    },
    delete_cert: function(r) {
        return stage("admin").delete_cert(r);
    },
    list_certs: function(r) {
        return stage("admin").list_certs(r);
    },
    metrics: function(r) {
        return stage("admin").metrics(r);
    },
    admin: function(r) {
        return stage("admin").admin(r);
    },
    scan: function(r) {
        return stage("scan").scan(r);
    },
    follow: function(r) {
        return stage("etcd").follow(r);
    }
};

// ======== The stages
var stages;
/** The entries of a stage. It is made at the first call, after the stage that it is inside of. */
function stage(name) {
    if (!stages) stages = { start_pem: start_pem };
    if (!stages[name]) {
        var start = "start_" + name;
        if (!stages[start]) stage(
            name === "warm" ? "pem" :
            name === "look" ? "warm" :
            name === "sweep" ? "look" :
            name === "read" ? "sweep" :
            name === "scan" ? "read" :
            name === "etcd" ? "scan" :
            name === "admin" ? "etcd" :
            "");
        stages[name] = stages[start]();
    }
    return stages[name];
}
/** Made for a handshake that is served PEM. */
function start_pem() {

// ======== engine/: what the njs engine lacks: refusals with codes, session types, clock, timers, workers
// src/engine/clock.ts
/**
 * Whether a time in a text is less than an interval ago. A time in the future is not: the clock was set back, and the age of the
 * time is unknown.
 *
 * @param offset of the time in `text`, as `timestamp` writes it
 * @param interval in milliseconds; 0 for an unlimited one
 */
function isWithin(text, offset2, interval) {
    var age = Date.now() - +text.slice(offset2, offset2 + 13 /* TIMESTAMP_LENGTH */);
    return age >= 0 && (interval === 0 || age < interval);
}

// ======== config/: what the nginx variables say: settings, slots and paths
// src/config/settings.ts
/**
 * How long a record is served before its files are checked again.
 *
 * @returns milliseconds; 0 where only a clear has them checked
 */
function checkInterval(variables) {
    var text = variables["cert_check_interval"];
    var seconds = text ? +text : 10 /* DEFAULT_CHECK_INTERVAL_S */;
    return (seconds >= 0 ? seconds : 10 /* DEFAULT_CHECK_INTERVAL_S */) * 1e3;
}

// ======== zone/: the shared dictionary: records, locks, negative answers, notes and counts
// src/zone/record.ts
/**
 * Whether the PEM in a record can be served: it is a whole pair, no clear came after it, and its files need no look now. Runs in
 * every handshake that is not served a version.
 *
 * @param record the value of the zone under a name, which may be any text
 * @param token the zone's clear token
 * @param interval in milliseconds; 0 where only a clear makes a record stale
 */
function isServable(record, token, interval) {
    return record.charCodeAt(0) === 51 /* SERVABLE_CODE */ && record.slice(1 /* TOKEN_AT */, 13 /* CHECKED_AT */) === token && isWithin(record, 13 /* CHECKED_AT */, interval) && isWhole(record);
}
/** A part of the PEM of a servable record. Runs in every handshake that is served from such a record. */
function partOf(record, part) {
    var from = part === "chain" ? +record.slice(26 /* KEY_END_AT */, 32 /* PEM_END_AT */) : 38 /* PEM_AT */;
    var to = part === "key" ? +record.slice(26 /* KEY_END_AT */, 32 /* PEM_END_AT */) : +record.slice(32 /* PEM_END_AT */, 38 /* PEM_AT */);
    return record.slice(from, to);
}
function pemEnd(record) {
    return +record.slice(32 /* PEM_END_AT */, 38 /* PEM_AT */);
}
function isWhole(record) {
    var chainAt = +record.slice(26 /* KEY_END_AT */, 32 /* PEM_END_AT */);
    var metaAt = pemEnd(record);
    return record.charCodeAt(metaAt) === 123 /* META_CODE */ && record.charCodeAt(metaAt - 1) === 10 /* LINE_END_CODE */ && record.charCodeAt(chainAt) === 45 /* HYPHEN_CODE */ && record.charCodeAt(chainAt - 1) === 10 /* LINE_END_CODE */;
}

// ======== warm.ts: what a handshake needs that is served from the zone, but not a version under its own name
// src/warm.ts
/**
 * The answer of a fresh record with PEM.
 *
 * @param record the value of the zone under a name, which may be any text
 * @param token the zone's clear token
 * @returns the record; '' where it has no PEM that can be served
 */
function pemAnswer(variables, record, token) {
    return isServable(record, token, checkInterval(variables)) ? record : "";
}

stages.start_warm = start_warm;
return {
    partOf: partOf,
    pemAnswer: pemAnswer
};
/** Made for a handshake that is served from the zone, but not from the record under its own name. */
function start_warm() {

// ======== config/: what the nginx variables say: settings, slots and paths
// src/config/slot.ts
/** The key of a name's RSA slot. */
function rsaKey(name) {
    return "*rsa:" /* RSA_PREFIX */ + name;
}
/**
 * The keys of a name's slots in the order in which a handler of `js_set` reads them. A name with one pair is served that pair by the
 * handlers of both slots.
 *
 * @param isForRsa whether the handler is that of the RSA slot
 */
function slotKeys(name, hasRsaSlot2, isForRsa) {
    if (!hasRsaSlot2) return [
        name
    ];
    return isForRsa ? [
        rsaKey(name),
        name
    ] : [
        name,
        rsaKey(name)
    ];
}
// src/config/settings.ts
/** The name of the zone that has the records. */
function zoneName(variables) {
    return variables["cert_zone"] || "certs";
}
/**
 * How long the answers in the zone are good.
 *
 * @returns milliseconds; 0: until a clear
 */
function freshFor(variables) {
    var interval = checkInterval(variables);
    if (!variables["cert_store"]) return interval;
    return interval === 0 ? 2e4 /* LONGEST_FRESH_MS */ : Math.min(interval, 2e4 /* LONGEST_FRESH_MS */);
}
/** Whether names have an RSA slot. */
function hasRsaSlot(variables) {
    return !!variables["cert_file_rsa"];
}

// ======== x509/: PEM, certificates, keys and server names: functions of their arguments alone
// src/x509/server_name.ts
/**
 * The wildcard that covers a name, in which `*` stands for the whole first label (RFC 9525, 6.3).
 *
 * @param name a normalised name
 * @returns `*.example.com` for `a.example.com`; '' for a name of one label
 */
function wildcardOf(name) {
    var dot = name.indexOf(".");
    return dot > 0 ? "*" + name.slice(dot) : "";
}

// ======== zone/: the shared dictionary: records, locks, negative answers, notes and counts
// src/zone/record.ts
/** Whether a record has a pair that can be served as it is, a version or PEM. The parameters are those of `isServable`. */
function isFreshPair(record, token, interval) {
    return isServable(record, token, interval) || freshPathOf(record, token) !== "";
}
/**
 * Whether a record is fresh, with a pair or without: no clear came after it, and its files need no look now. The parameters are
 * those of `isServable`.
 */
function isFresh(record, token, interval) {
    if (isVersion(record)) return freshPathOf(record, token) !== "";
    return record.startsWith(token, 1 /* TOKEN_AT */) && isWithin(record, 13 /* CHECKED_AT */, interval);
}
/**
 * The answer to a handshake that is served a record.
 *
 * @returns the path of a version, or the record itself, for its PEM; '' for ''
 */
function answerOf(record) {
    return isVersion(record) ? pathOf(record) : record;
}
/** Whether a record is that of a version, whose pair is in the store and not in the record itself. */
function isVersion(record) {
    return record.charCodeAt(0) === 53 /* VERSION_CODE */;
}
/** The path of a version. */
function pathOf(record) {
    return record.slice(53 /* PATH_AT */, pemEnd(record));
}
/**
 * The target of a fresh pointer. Runs in a handshake that has found no pair to serve. The parameters are those of `isServable`.
 *
 * @returns the key of a file's record; '' where the record is no fresh pointer
 */
function currentTarget(record, token, interval) {
    var isOne2 = record.charAt(0) === "4" /* POINTER */ && isFresh(record, token, interval);
    return isOne2 ? record.slice(38 /* PEM_AT */, pemEnd(record)) : "";
}
/**
 * Whether the certificate of a file's record has a name. Runs in a handshake that followed a pointer there, and does not parse
 * the meta, which costs it 1 % of a whole handshake: `JSON.stringify` writes a name, which has no character to escape, as
 * itself in quotes.
 *
 * @param record the value of the zone under a file's key, which may be any text
 * @param name normalised, or a wildcard
 */
function isFoundFor(record, name) {
    return record.indexOf('"'.concat(name, '"'), record.indexOf('"found":', pemEnd(record))) >= 0;
}
/** Whether a record is a pointer. */
function isPointer(record) {
    return record.charAt(0) === "4" /* POINTER */;
}
// src/zone/misses.ts
/**
 * The zone of the negative answers.
 *
 * @param name that of the zone of records
 * @returns undefined where none is declared
 */
function missesOf(name) {
    return zoneNamed(name + "_misses" /* MISSES_SUFFIX */);
}
/**
 * Whether there is a negative answer for a slot that is fresh. The hot path calls it.
 *
 * @param name the slot's key
 * @param token the clear token of the zone of records
 * @param interval in milliseconds; 0 where only a clear makes it stale
 */
function isMissing(misses, name, token, interval) {
    var miss = misses.get(name);
    return miss !== void 0 && miss.startsWith(token) && isWithin(miss, token.length, interval);
}
// src/zone/slots.ts
/**
 * The value under the key of a slot. `readMeta` tells whether it is a record.
 *
 * @returns undefined where there is none
 */
function findRecord(zone, name) {
    return zone.get(name);
}

// ======== warm.ts: what a handshake needs that is served from the zone, but not a version under its own name
// src/warm.ts
/**
 * The answer of another fresh record than the name's own: that of the file that a pointer leads to, or that of the wildcard
 * where a negative answer says that the name has no files. The handler's own slot comes before the other slot. The function
 * reads the dictionary, and does nothing else.
 *
 * @param name the name that the handshake asks for
 * @param first the record that the hot path has found; undefined where there is none
 * @param token the zone's clear token
 * @returns '' where the zone alone does not tell
 */
function otherAnswer(variables, name, isForRsa, first, token) {
    if (first !== void 0 && !isPointer(first)) return "";
    var zone = zoneNamed(zoneName(variables));
    var interval = freshFor(variables);
    var record = first;
    var misses = record === void 0 && missesOf(zoneName(variables));
    if (misses) {
        var hasRsa = hasRsaSlot(variables);
        var slots = slotKeys(name, hasRsa, isForRsa).concat(slotKeys(wildcardOf(name), hasRsa, isForRsa));
        for(var i = 1; i < slots.length && record === void 0; i++){
            if (!isMissing(misses, slots[i - 1], token, interval)) return "";
            record = findRecord(zone, slots[i]);
        }
    }
    if (record === void 0) return "";
    if (isFreshPair(record, token, interval)) return answerOf(record);
    var target = currentTarget(record, token, interval);
    var pair = target ? findRecord(zone, target) || "" : "";
    var isFor = isFoundFor(pair, name) || isFoundFor(pair, wildcardOf(name));
    return isFor && isFreshPair(pair, token, interval) ? answerOf(pair) : "";
}

stages.start_look = start_look;
return {
    otherAnswer: otherAnswer
};
/** Made for a look at the store and at what `stat` tells of files. */
function start_look() {

// ======== engine/: what the njs engine lacks: refusals with codes, session types, clock, timers, workers
// src/engine/clock.ts
/** The current time in milliseconds since 1970, in 13 digits. From the year 2286 on it has more. */
function timestamp() {
    return "".concat(Date.now());
}
// src/engine/session.ts
/** The variables of a session. */
function variablesOf(r) {
    return r.variables;
}
// src/engine/worker.ts
/**
 * Whether a worker is running.
 *
 * @param pid the number of its process
 * @returns true also where the system does not tell, as for a process of another user
 */
function isRunning(pid) {
    try {
        return process.kill(pid, 0);
    } catch (e) {
        return e.message.indexOf("(3:" /* NO_SUCH_PROCESS */) < 0;
    }
}

// ======== config/: what the nginx variables say: settings, slots and paths
// src/config/slot.ts
/** Whether a key is that of an RSA slot. */
function isRsaKey(key) {
    return key.startsWith("*rsa:" /* RSA_PREFIX */);
}
/**
 * The key of a scanned file.
 *
 * @param stem the text that `*` stands for in the file's path
 */
function fileKey(stem) {
    return "*file:" /* FILE_PREFIX */ + stem;
}
/** Whether a key is that of a scanned file. */
function isFileKey(key) {
    return key.startsWith("*file:" /* FILE_PREFIX */);
}
/** The name in the key of either slot, or the stem in the key of a file. */
function nameOf(key) {
    if (isFileKey(key)) return key.slice("*file:" /* FILE_PREFIX */.length);
    return isRsaKey(key) ? key.slice("*rsa:" /* RSA_PREFIX */.length) : key;
}
// src/config/paths.ts
/**
 * The paths of a slot's files.
 *
 * @param slot the slot's key
 */
function slotPaths(settings, slot) {
    var stem = stemOf(settings, slot);
    var _templatesOf = templatesOf(settings, slot), cert = _templatesOf.cert, key = _templatesOf.key;
    return {
        cert: fill(cert, stem),
        key: fill(key, stem)
    };
}
function stemOf(settings, slot) {
    var name = nameOf(slot);
    var isWildcard = name.charAt(0) === "*" && !isFileKey(slot);
    return isWildcard ? settings.wildcardLabel + name.slice(1) : name;
}
/**
 * Finds the scanned file that has the same paths as a slot. There is one where the templates of names and of `$cert_scan` agree.
 *
 * @returns the key of the scanned file; '' where the paths differ, or nothing is scanned
 */
function scannedFileOf(settings, slot) {
    if (!settings.scan) return "";
    var key = fileKey(stemOf(settings, slot));
    var own = templatesOf(settings, slot);
    var scanned = templatesOf(settings, key);
    return own.cert === scanned.cert && own.key === scanned.key ? key : "";
}
/** The path templates of a slot, with `{name}` for the text that `slotPaths` puts in. */
function templatesOf(settings, slot) {
    if (isFileKey(slot)) {
        return {
            cert: settings.scan.replace("*", "{name}"),
            key: settings.keyFile
        };
    }
    return isRsaKey(slot) ? {
        cert: settings.certFileRsa,
        key: settings.keyFileRsa
    } : {
        cert: settings.certFile,
        key: settings.keyFile
    };
}
function fill(template, stem) {
    return template.split("{name}").join(stem);
}
// src/config/settings.ts
/** The name that is served without SNI, as it is written in the configuration; empty where there is none. */
function fallback(variables) {
    return variables["cert_fallback"] || "";
}
/** Reads the settings, with their defaults. */
function readSettings(variables) {
    return {
        certFile: variables["cert_file"] || "/etc/nginx/certs/{name}.cert.pem",
        keyFile: variables["cert_key_file"] || "/etc/nginx/certs/{name}.key.pem",
        certFileRsa: variables["cert_file_rsa"] || "",
        keyFileRsa: variables["cert_key_file_rsa"] || "/etc/nginx/certs/{name}.rsa.key.pem",
        wildcardLabel: variables["cert_wildcard_label"] || "_",
        scan: variables["cert_scan"] || "",
        fallback: fallback(variables),
        store: variables["cert_store"] || "",
        followsEtcd: !!variables["cert_etcd"]
    };
}

// ======== x509/: PEM, certificates, keys and server names: functions of their arguments alone
// src/x509/server_name.ts
var FOREIGN = /[^A-Za-z0-9_.-]/;
/**
 * Normalises a server name that a client or an operator gave.
 *
 * @param text any text: nginx passes the SNI on unchanged
 * @returns the name in lower case without a trailing dot; '' where the text is no name. A name consists of letters, digits, hyphens,
 *   underscores and single dots, so that it cannot lead out of a folder.
 */
function normalise(text) {
    if (text.length > 253 /* LONGEST */ + 1 || FOREIGN.test(text)) return "";
    var lower = text.toLowerCase();
    var name = lower.charAt(lower.length - 1) === "." ? lower.slice(0, -1) : lower;
    var hasEmptyLabel = ".".concat(name, ".").indexOf("..") >= 0;
    return hasEmptyLabel || name.length > 253 /* LONGEST */ ? "" : name;
}
/**
 * Normalises a server name or a wildcard such as `*.example.com`.
 *
 * @returns '' where the text is neither
 */
function normaliseWithWildcard(text) {
    if (text.slice(0, 2) !== "*.") return normalise(text);
    var parent = normalise(text.slice(2));
    return parent && parent.length + 2 <= 253 /* LONGEST */ ? "*.".concat(parent) : "";
}

// ======== disk/: files, and the store of versions: what is written is whole whenever a worker is killed
// src/disk/fs.ts
function naming(path, work) {
    try {
        return work();
    } catch (e) {
        var message = e.message, code = e.code;
        var error = new Error("".concat(path, ": ").concat(message));
        if (code !== void 0) error.code = code;
        throw error;
    }
}
/** The state of the file that a path leads to, links followed. Throws FileError without the path. */
function stat(path) {
    return fs.statSync(path);
}
/** The state of the entry under a path itself, which may be a link. Throws FileError without the path. */
function statLink(path) {
    return fs.lstatSync(path);
}
/** Whether there is an entry under a path, a dangling link included. */
function exists(path) {
    try {
        fs.lstatSync(path);
        return true;
    } catch (e) {
        return false;
    }
}
/**
 * The target of a symlink.
 *
 * @returns undefined where there is no symlink under the path
 * @throws FileError with the path
 */
function readLink(path) {
    try {
        return naming(path, function() {
            return fs.readlinkSync(path);
        });
    } catch (e) {
        var code = e.code;
        if (code === "ENOENT" || code === "ENOTDIR" || code === "EINVAL") return void 0;
        throw e;
    }
}
/**
 * Makes a folder, mode 0700, in one that is there. It does nothing where another worker was faster.
 *
 * @throws FileError without the path
 */
function makeFolder(path) {
    try {
        fs.mkdirSync(path, {
            mode: 448
        });
    } catch (e) {
        if (e.code !== "EEXIST") throw e;
    }
}
/** The number of this process's user, as its folder in /proc shows it; undefined where there is no /proc. */
function userOfProcess() {
    try {
        return fs.statSync("/proc/self").uid;
    } catch (e) {
        return void 0;
    }
}
// src/disk/store.ts
/**
 * Opens a store, and makes this program's folder in it where it is missing.
 *
 * @param path the value of `$cert_store`
 * @throws Error with a message that names the path and says what to do
 */
function openStore(path) {
    if (path.charAt(0) !== "/") throw new Error('$cert_store "'.concat(path, '" has to be an absolute path'));
    var root = withoutSlash(path) + "/cert-rotation.v1" /* OWN_FOLDER */;
    var _statOrMake = statOrMake(root), dev = _statOrMake.dev, ino = _statOrMake.ino, mode = _statOrMake.mode, uid = _statOrMake.uid, isFolder = _statOrMake.isFolder;
    if (!isFolder) throw new Error("".concat(root, ": this has to be a folder, and is something else"));
    if ((mode & 63 /* FOREIGN_RIGHTS */) !== 0) {
        throw new Error("".concat(root, ": its mode has to be 0700, so that nobody else reads keys there"));
    }
    var user = userOfProcess();
    if (user !== void 0 && user !== uid) {
        throw new Error("".concat(root, ": it belongs to user ").concat(uid, ", and the workers run as user ").concat(user));
    }
    return {
        root: root,
        id: "".concat(dev, ":").concat(ino)
    };
}
function withoutSlash(path) {
    return path.endsWith("/") ? withoutSlash(path.slice(0, -1)) : path;
}
function statOrMake(root) {
    var fault;
    try {
        return statFolder(root);
    } catch (e) {}
    try {
        makeFolder(root);
        return statFolder(root);
    } catch (e) {
        fault = e.message;
    }
    throw new Error("".concat(root, ": ").concat(fault, "; make the folder of $cert_store, for the workers' user, mode 0700"));
}
function statFolder(root) {
    var stat2 = statLink(root);
    var dev = stat2.dev, ino = stat2.ino, mode = stat2.mode, uid = stat2.uid;
    return {
        dev: dev,
        ino: ino,
        mode: mode,
        uid: uid,
        isFolder: stat2.isDirectory()
    };
}
/**
 * The path of a slot's entry.
 *
 * @param slot its key
 */
function entryPath(param, slot) {
    var root = param.root;
    var name = nameOf(slot);
    return "".concat(root, "/").concat(kindOf(slot), "/").concat(shardOf(name), "/").concat(name);
}
function kindOf(slot) {
    return isFileKey(slot) ? "files" : isRsaKey(slot) ? "rsa" : "names";
}
/**
 * The path of a version's file.
 *
 * @param version its name, `FINGERPRINT.ID`
 */
function versionPath(param, version) {
    var root = param.root;
    return "".concat(root, "/versions/").concat(version.slice(0, 2), "/").concat(version);
}
function shardOf(name) {
    var hash2 = 33052;
    for(var i = 0; i < name.length; i++){
        hash2 = (hash2 ^ name.charCodeAt(i)) * 403 & 65535;
    }
    var byte = (hash2 ^ hash2 >> 8) % 256 /* SHARDS */;
    return byte < 16 ? "0".concat(byte.toString(16)) : byte.toString(16);
}
// src/disk/entries.ts
/**
 * The text of a slot's entry.
 *
 * @returns undefined where there is none
 * @throws Error of the file system
 */
function readEntry(store, slot) {
    return readLink(entryPath(store, slot));
}
/**
 * The store's clear token.
 *
 * @returns undefined where there was no clear yet
 * @throws Error of the file system
 */
function readClearToken(param) {
    var root = param.root;
    return readLink("".concat(root, "/clear"));
}
// src/disk/stamp.ts
/**
 * Tells one state of files from another without reading them: by inode, size, and the times of the last change of the content
 * and of the inode. The latter shows a change even where a modification time was copied.
 *
 * @returns text to compare; '' where none of the files is there
 */
function stampOf(files) {
    var cert = stampOfPath(files.cert);
    if (files.cert === files.key) return cert === "missing" /* MISSING */ ? "" : cert;
    var key = stampOfPath(files.key);
    return cert === "missing" /* MISSING */ && key === "missing" /* MISSING */ ? "" : "".concat(cert, " ").concat(key);
}
/**
 * Whether a chain is not there, though its key is.
 *
 * @param stamp of `stampOf`
 */
function lacksChain(stamp) {
    return stamp.startsWith("missing" /* MISSING */);
}
function stampOfPath(path) {
    try {
        var _stat = stat(path), dev = _stat.dev, ino = _stat.ino, size = _stat.size, mtimeMs = _stat.mtimeMs, ctimeMs = _stat.ctimeMs;
        return "".concat(dev, ":").concat(ino, ":").concat(size, ":").concat(mtimeMs, ":").concat(ctimeMs);
    } catch (e) {
        var code = e.code;
        var isMissing2 = code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG";
        return isMissing2 ? "missing" /* MISSING */ : "".concat(code);
    }
}
/**
 * Whether files with this stamp were left alone for longer than a tick. The second of two writes within a tick shows in no
 * time of the file.
 *
 * @param stamp of `stampOf`
 */
function isSettled(stamp) {
    return stamp.split(" ").every(function(one) {
        return isPastTick(+one.slice(one.lastIndexOf(":") + 1));
    });
}
/**
 * Whether a change is more than a tick ago, so that a further one would show. One of the future is as well: the clock was set
 * back.
 *
 * @param changed in milliseconds since 1970; NaN for no time
 */
function isPastTick(changed) {
    return !(Math.abs(Date.now() - changed) < 2e3 /* TICK_MS */);
}
/**
 * Tells one state of a slot's files from another.
 *
 * @param slot its key
 * @returns text to compare; '' where there are no files
 */
function stampOfSlot(settings, slot) {
    var files = slotPaths(settings, slot);
    var stamp = stampOf(files);
    if (settings.scan && lacksChain(stamp)) stamp = "";
    return stamp || (isFileKey(slot) && exists(files.cert) ? "dangling" /* DANGLING */ : "");
}

// ======== zone/: the shared dictionary: records, locks, negative answers, notes and counts
// src/zone/dict.ts
/**
 * Sets a value, in a full zone as well where the one that it replaces makes room.
 *
 * @returns false where the zone has no room. The value that was there stays then
 */
function replaceValue(zone, key, value) {
    if (setIfRoom(zone, key, value)) return true;
    var held = zone.get(key);
    if (held === void 0) return false;
    zone.delete(key);
    var isStored2 = hasRoom(function() {
        return zone.set(key, value);
    });
    if (!isStored2) hasRoom(function() {
        return zone.set(key, held);
    });
    return isStored2;
}
function setIfRoom(zone, key, value) {
    return zone.freeSpace() >= value.length && hasRoom(function() {
        return zone.set(key, value);
    });
}
var LARGEST_RESERVE = 1 / 32;
/**
 * Sets a value that nothing but the zone has. A worker that is killed must not lose it: the value before stays until the new one is
 * there. A full zone has the room for both from a reserve of the size of such a value. Where that is too small or used up, the value
 * is set as by `replaceValue`.
 *
 * @returns as `replaceValue` does
 */
function replaceKept(zone, key, value) {
    return setIfRoom(zone, key, value) || setInReserve(zone, key, value) || replaceValue(zone, key, value);
}
function setInReserve(zone, key, value) {
    var reserve = zone.get("#reserve" /* RESERVE_KEY */);
    if (reserve === void 0 || reserve.length < value.length) return false;
    zone.delete("#reserve" /* RESERVE_KEY */);
    return hasRoom(function() {
        return zone.set(key, value);
    });
}
/**
 * Makes the reserve of `replaceKept`, or a larger one, where there is room for it. After a value was set in the reserve, that is the
 * room of the value before.
 *
 * @param length of such a value
 */
function keepReserve(zone, length) {
    var size = Math.ceil(length / 4096 /* PAGE */) * 4096 /* PAGE */;
    if (size > zone.capacity * LARGEST_RESERVE) return;
    var reserve = zone.get("#reserve" /* RESERVE_KEY */);
    if (reserve === void 0 || reserve.length < size) {
        setIfRoom(zone, "#reserve" /* RESERVE_KEY */, " ".repeat(size));
    }
}
/**
 * Does a write.
 *
 * @returns false where the zone has no room for it
 * @throws other errors of `write`
 */
function hasRoom(write2) {
    try {
        write2();
        return true;
    } catch (e) {
        if (isZoneFull(e)) return false;
        throw e;
    }
}
/** Whether an error says that a zone has no room. */
function isZoneFull(e) {
    return e.name === "SharedMemoryError";
}
// src/zone/meta.ts
var NO_FILES = {
    source: "disk",
    files: "",
    notAfter: 0,
    loadedAt: 0
};
/**
 * Reads the end of a record.
 *
 * @param text JSON
 * @param isPointers whether the record is a pointer, which leaves out the members of NO_FILES
 * @returns null where the text is not the meta of a record
 */
function parseMeta(text, isPointers) {
    try {
        var meta = JSON.parse(text);
        if (isPointers) meta = Object.assign({}, NO_FILES, meta);
        return typeof (meta == null ? void 0 : meta.files) === "string" && typeof meta.notAfter === "number" ? meta : null;
    } catch (e) {
        return null;
    }
}
// src/zone/record.ts
/** Whether a record has a pair to serve, fresh or not. */
function holdsPair(record) {
    return record.charAt(0) === "3" /* SERVABLE */ || isVersion(record);
}
/** Whether a record has a pair, or leads to one. */
function isAnswer(record) {
    return holdsPair(record) || isPointer(record);
}
/** The key of the file's record that a pointer points to. */
function targetOf(pointer) {
    return pointer.slice(38 /* PEM_AT */, pemEnd(pointer));
}
/**
 * Whether the last look at a record's files is less than an interval ago.
 *
 * @param interval in milliseconds; 0 for an unlimited one
 */
function isCheckedWithin(record, interval) {
    return isWithin(record, 13 /* CHECKED_AT */, interval);
}
/** Whether a clear came after a record's files were read. */
function isCleared(record, token) {
    return !record.startsWith(token, 1 /* TOKEN_AT */);
}
/**
 * Makes a pointer. It is stale, because the name may have files of its own.
 *
 * @param target the key of a file's record
 * @param meta `others`, and where the name's own files were refused `files` and `problem`
 */
function makePointer(target, meta) {
    var end = offset(38 /* PEM_AT */ + target.length);
    return "4" /* POINTER */ + "------------" /* STALE_TOKEN */ + timestamp() + end + end + target + JSON.stringify(meta);
}
function offset(value) {
    return "00000".concat(value).slice(-6 /* OFFSET_LENGTH */);
}
/** The record with the token of a clear that it has seen, and with its files looked at now. */
function withCheckedNow(record, token) {
    return record.charAt(0) + token + timestamp() + record.slice(26 /* KEY_END_AT */);
}
/**
 * The record with another time of the last look.
 *
 * @param time of `timestamp`
 */
function withCheckedAt(record, time) {
    return record.slice(0, 13 /* CHECKED_AT */) + time + record.slice(26 /* KEY_END_AT */);
}
/**
 * The record of a version with the time until which it is fresh. Other records are returned as they are.
 *
 * @param since when the store was looked at, in milliseconds since 1970
 * @param interval how long the record would be fresh after that without a store, in milliseconds
 */
function withFreshUntil(record, since, interval) {
    if (!isVersion(record)) return record;
    var until = Math.floor(since + Math.min(interval, 2e4 /* LONGEST_FRESH_MS */));
    var digits = "00000000000000".concat(until).slice(-15 /* FRESH_LENGTH */);
    return record.slice(0, 38 /* PEM_AT */) + digits + record.slice(53 /* PATH_AT */);
}
/** The record, stale: the next handshake looks at its files. */
function markStale(record) {
    return record.charAt(0) + "------------" /* STALE_TOKEN */ + record.slice(13 /* CHECKED_AT */);
}
/** The record with another meta, and with its files looked at now. */
function withMeta(record, token, meta) {
    return withCheckedNow(record, token).slice(0, pemEnd(record)) + JSON.stringify(meta);
}
/**
 * Reads the meta of a record.
 *
 * @returns null where the text is no whole record of this format: no part of it may be used
 */
function readMeta(record) {
    var kind = record.charAt(0);
    if (kind !== "5" /* VERSION */ && kind !== "3" /* SERVABLE */ && kind !== "2" /* REFUSED */ && kind !== "4" /* POINTER */) return null;
    if (record.length <= 38 /* PEM_AT */ || /\D/.test(record.slice(13 /* CHECKED_AT */, 38 /* PEM_AT */))) return null;
    if (kind === "5" /* VERSION */ && (/\D/.test(record.slice(38 /* PEM_AT */, 53 /* PATH_AT */)) || record.charAt(53 /* PATH_AT */) !== "/")) {
        return null;
    }
    if (kind === "3" /* SERVABLE */ && !hasPem(record)) return null;
    return parseMeta(record.slice(pemEnd(record)), kind === "4" /* POINTER */);
}
function hasPem(record) {
    return isWhole(record) && isPem(partOf(record, "key")) && isPem(partOf(record, "chain"));
}
function isPem(text) {
    return text.startsWith("-----BEGIN " /* BLOCK_BEGIN */) && text.endsWith("-----\n" /* BLOCK_END */);
}
// src/zone/clear_token.ts
/** The zone's clear token. A record with another one is stale. */
function clearToken(zone) {
    var token = zone.get("#clear" /* CLEAR_KEY */);
    return token !== void 0 && token.length === "000000000000" /* FIRST_TOKEN */.length ? token : "000000000000" /* FIRST_TOKEN */;
}
/** A clear token that no clear had before: random, because a clock may be set back, and always of one length. */
function newToken() {
    var bytes = Buffer.alloc("000000000000" /* FIRST_TOKEN */.length / 2);
    crypto.getRandomValues(bytes);
    return bytes.toString("hex");
}
/** Stores a first clear token while there is room. Its later values take the same room, so that a full zone can be cleared. */
function reserveToken(zone) {
    if (zone.get("#clear" /* CLEAR_KEY */) === void 0) hasRoom(function() {
        return zone.add("#clear" /* CLEAR_KEY */, "000000000000" /* FIRST_TOKEN */);
    });
}
/**
 * Takes over the clear of another nginx that shares the store, as a clear of this zone: a worker that has read the store's token
 * before the last clear, and comes here after it, must not make the records of then fresh again.
 *
 * @param token the zone's token, as it was read
 * @param storeToken the store's token
 * @returns the zone's token now
 */
function adoptToken(zone, token, storeToken) {
    var last = zone.get("#clear:store" /* STORE_CLEAR_KEY */);
    if (last === storeToken) return token;
    var hasNote = last !== void 0 || replaceValue(zone, "#clear:store" /* STORE_CLEAR_KEY */, "------------" /* STALE_TOKEN */);
    var next = hasNote ? newToken() : storeToken;
    if (!replaceValue(zone, "#clear" /* CLEAR_KEY */, next)) return token;
    if (hasNote) replaceValue(zone, "#clear:store" /* STORE_CLEAR_KEY */, storeToken);
    return next;
}
// src/zone/locks.ts
/**
 * Tries once for a slot's lock. The caller frees it by `unlock`.
 *
 * @param slot its key
 */
function tryLock(zone, slot) {
    try {
        var ticket = ticketFor(zone, "#lock:" /* LOCK_PREFIX */ + slot);
        return ticket === void 0 ? {
            state: "busy"
        } : {
            state: "locked",
            ticket: ticket
        };
    } catch (e) {
        if (isZoneFull(e)) return {
            state: "no-room"
        };
        throw e;
    }
}
function ticketFor(zone, key) {
    var ticket = "".concat(timestamp(), ":").concat(process.pid);
    if (zone.add(key, ticket)) return ticket;
    var holder = zone.get(key);
    if (holder === void 0 || isHeld(holder)) return void 0;
    var popped = zone.pop(key);
    if (popped !== void 0 && popped !== holder) zone.add(key, popped);
    return zone.add(key, ticket) ? ticket : void 0;
}
function isHeld(ticket) {
    return isWithin(ticket, 0, 5e3 /* LOCK_LIFETIME_MS */) && isRunning(workerOf(ticket));
}
function workerOf(ticket) {
    return Number(ticket.slice(ticket.indexOf(":") + 1));
}
/** Whether a slot's lock still has this ticket: it was not broken. */
function isLocked(zone, slot, ticket) {
    return zone.get("#lock:" /* LOCK_PREFIX */ + slot) === ticket;
}
/** Frees a lock, unless it was broken meanwhile. */
function unlock(zone, slot, ticket) {
    if (isLocked(zone, slot, ticket)) zone.delete("#lock:" /* LOCK_PREFIX */ + slot);
}
/**
 * Tries once for some locks and does the work, whatever the outcome. Handshakes and scans use it, because they must not wait.
 *
 * @param slots their keys, each once
 * @param work gets the outcome. The locks are freed after it
 * @returns what `work` returns
 */
function tryWithLocks(zone, slots, work) {
    var taken = [];
    var state = "locked";
    try {
        for(var i = 0; i < slots.length && state !== "busy"; i++){
            var slot = slots[i];
            var result = tryLock(zone, slot);
            if (result.state === "locked") taken.push({
                slot: slot,
                ticket: result.ticket
            });
            else state = result.state;
        }
        if (state === "busy") free(zone, taken);
        return work({
            state: state,
            isLocked: function isLocked() {
                return state === "locked" && areLocked(zone, taken);
            }
        });
    } finally{
        free(zone, taken);
    }
}
function areLocked(zone, taken) {
    return taken.every(function(param) {
        var slot = param.slot, ticket = param.ticket;
        return isLocked(zone, slot, ticket);
    });
}
function free(zone, taken) {
    taken.forEach(function(param) {
        var slot = param.slot, ticket = param.ticket;
        unlock(zone, slot, ticket);
    });
}
// src/zone/misses.ts
var MISS_SPACE = 2 * 4096;
/**
 * Removes an old negative answer. The caller looks for the files after this: if `forgetMissing` is called meanwhile, `noteMissing`
 * finds its mark and notes nothing.
 *
 * @param name the slot's key
 */
function expireMissing(misses, name) {
    var miss = misses.get(name);
    if (miss === void 0) return;
    if (miss.startsWith("taken-back--" /* TAKEN_BACK */) && isWithin(miss, "taken-back--" /* TAKEN_BACK */.length, 5e3 /* LOCK_LIFETIME_MS */)) return;
    misses.delete(name);
}
/**
 * Notes that a slot has no files, unless it was cleared while they were looked for. A full zone is emptied.
 *
 * @param name the slot's key
 * @param token the clear token as it was before the files were looked for
 */
function noteMissing(misses, name, token) {
    if (misses.freeSpace() < MISS_SPACE) {
        misses.clear();
        hasRoom(function() {
            return misses.set("#full" /* FULL_KEY */, timestamp());
        });
    }
    var full = misses.get("#full" /* FULL_KEY */);
    if (full !== void 0 && isWithin(full, 0, 5e3 /* LOCK_LIFETIME_MS */)) return;
    hasRoom(function() {
        return misses.add(name, token + timestamp());
    });
}
// src/zone/notes.ts
/**
 * Whether a fault has to be logged: it is not the last one that was logged. After a call without a fault the next one is logged
 * again. Where the zone has no room for the note, each one is logged.
 *
 * @param about the part of the program that has the fault
 * @param fault its message; '' for none
 */
function isNewToSay(zone, about, fault) {
    var key = "#said:" /* SAID_PREFIX */ + about;
    var last = zone.get(key) || "";
    if (fault === last) return false;
    if (fault === "") zone.delete(key);
    else replaceValue(zone, key, fault);
    return fault !== "";
}
/** The time at which a sweep of the store last came to its end, in the form of `timestamp`; undefined where none did. */
function findSwept(zone) {
    return zone.get("#swept" /* SWEPT_KEY */);
}
/** Notes that a sweep of the store came to its end. */
function putSwept(zone, time) {
    replaceValue(zone, "#swept" /* SWEPT_KEY */, time);
}
// src/zone/summary.ts
/**
 * A record's summary as text, for work that reads many of them: a record is a hundred times as long. A pointer has none.
 *
 * @param isFile whether it is the record of a scanned file
 * @returns '' where the text is no record, or a pointer
 */
function summaryOf(record, isFile) {
    var meta = isPointer(record) ? null : readMeta(record);
    if (!meta) return "";
    var problem = meta.problem ? meta.problem.code : "";
    var pair = holdsPair(record) ? "3" /* PAIR */ : "2" /* NO_PAIR */;
    var summary = "".concat("~" /* SUMMARY */).concat(pair).concat(meta.notAfter, " ").concat(problem, " ").concat(meta.etcd || "");
    if (!isFile) return summary;
    var _ref = meta.found || {
        names: [],
        isRsa: false
    }, names = _ref.names, isRsa2 = _ref.isRsa;
    return [
        summary,
        meta.files,
        isRsa2 ? "RSA" : "",
        names.join(" ")
    ].join("\n");
}
/** The summary of a scanned file without a record: its stamp, and no name. */
function summaryOfLeftOut(stamp) {
    return "".concat("~" /* SUMMARY */, "\n").concat(stamp);
}
// src/zone/slots.ts
/**
 * Stores a record. The caller must hold the slot's lock.
 *
 * @param name the slot's key
 * @returns false where the zone has no room. The record that was there stays then
 */
function putRecord(zone, name, record) {
    var replace = isInZoneAlone(findRecord(zone, name) || "") ? replaceKept : replaceValue;
    if (!replace(zone, name, record)) return false;
    putSummary(zone, name, summaryOf(record, isFileKey(name)));
    if (isInZoneAlone(record)) keepReserve(zone, record.length);
    return true;
}
function isInZoneAlone(record) {
    if (isVersion(record) || !holdsPair(record)) return false;
    var meta = readMeta(record);
    return meta !== null && (meta.source !== "disk" || meta.problem !== void 0);
}
/** Stores a record whose meta has not changed since it was stored: its summary stays. The caller must hold the slot's lock. */
function touchRecord(zone, name, record) {
    replaceValue(zone, name, record);
}
function putSummary(zone, name, summary) {
    var key = "#summary:" /* SUMMARY_PREFIX */ + name;
    var held = zone.get(key);
    if (summary === "") {
        zone.delete(key);
        return;
    }
    if (held === summary || held === void 0 && zone.freeSpace() === 0) return;
    if (!hasRoom(function() {
        return zone.set(key, summary);
    })) zone.delete(key);
}
/**
 * Notes the stamp of a scanned file that no name is served from: as a summary without a record, which is neither listed nor
 * counted.
 *
 * @param key the file's
 * @param stamp '' removes the note
 */
function noteLeftOut(zone, key, stamp) {
    putSummary(zone, key, stamp && summaryOfLeftOut(stamp));
}
/**
 * Removes a record. The caller must hold the slot's lock.
 *
 * @param name the slot's key
 */
function removeRecord(zone, name) {
    zone.delete(name);
    zone.delete("#summary:" /* SUMMARY_PREFIX */ + name);
}

// ======== certs/: decides which pair a name is served, and whether a pair may take its place
// src/certs/decision.ts
/**
 * Decides what a look at a slot's files comes to:
 *
 * 1. The scan keeps a pointer whose file is the name's own as well.
 * 2. A pair that came from etcd stays: there is one truth. Files only stand in for a value that was refused.
 * 3. Without files a pair that was put stays, and one that was read stays until it is cleared.
 * 4. Files that are the same as at the last look are not read, unless a clear asks for their content: two writes within
 *    one tick of the file system's clock look alike from outside.
 * 5. Other files are read.
 */
function decide(situation) {
    var has = situation.has, source = situation.source, files = situation.files, isCleared2 = situation.isCleared, isScanned = situation.isScanned;
    if (has === "pointer" && isScanned) return {
        do: "drop"
    };
    var isOfEtcd = situation.followsEtcd && source === "etcd";
    if (isOfEtcd && (has === "pair" || files === "none")) return {
        do: "keep"
    };
    if (files === "none") {
        if (has === "pair" && source !== "disk") return {
            do: "keep-without-files"
        };
        return has === "pair" && !isCleared2 ? {
            do: "note-files-gone"
        } : {
            do: "drop"
        };
    }
    return files === "same" && has !== "nothing" && !isCleared2 ? {
        do: "keep"
    } : {
        do: "read-files"
    };
}
// src/certs/check.ts
/**
 * Compares a slot's files with what it has, and reads them where `decide` says so. A pair that passes every check takes the
 * place of what is there. A reason against it is noted once, and what is there stays. Writes nothing.
 *
 * @param slot its key
 * @param text the slot's record; undefined: none
 */
function checkFiles(context, slot, text) {
    var settings = context.settings, token = context.token;
    var meta = text === void 0 ? null : readMeta(text);
    var current = text !== void 0 && meta ? text : "";
    var files = slotPaths(settings, slot);
    var stamp = stampOfSlot(settings, slot);
    var seen = {
        context: context,
        slot: slot,
        name: nameOf(slot),
        files: files,
        stamp: stamp,
        current: current,
        meta: meta
    };
    switch(decide(situationOf(seen)).do){
        case "keep":
            return {
                record: withCheckedNow(current, token),
                isSame: true
            };
        case "keep-without-files":
            return {
                record: withoutFiles(seen)
            };
        case "drop":
            return none(current, token, meta);
        case "note-files-gone":
            return stage("read").refused(seen, new Error("".concat(files.cert, ": the files are gone")));
        case "read-files":
            return stage("read").readFiles(seen);
    }
}
function situationOf(param) {
    var context = param.context, slot = param.slot, stamp = param.stamp, current = param.current, meta = param.meta;
    var settings = context.settings, token = context.token;
    return {
        has: !meta ? "nothing" : isPointer(current) ? "pointer" : holdsPair(current) ? "pair" : "refusal",
        source: meta == null ? void 0 : meta.source,
        files: !stamp ? "none" : stamp === (meta == null ? void 0 : meta.files) ? "same" : "changed",
        isCleared: isCleared(current, token),
        followsEtcd: settings.followsEtcd,
        isScanned: scannedFileOf(settings, slot) !== ""
    };
}
function withoutFiles(param) {
    var context = param.context, current = param.current, meta = param.meta;
    var source = meta.source, notAfter = meta.notAfter, loadedAt = meta.loadedAt, store = meta.store, before = meta.before, isUnproven = meta.isUnproven, warnings = meta.warnings;
    var kept = {
        source: source,
        files: "",
        notAfter: notAfter,
        loadedAt: loadedAt
    };
    if (isUnproven) kept.isUnproven = true;
    if (warnings) kept.warnings = warnings;
    if (store !== void 0) kept.store = store;
    if (before !== void 0) kept.before = before;
    if (isCleared(current, context.token) || (meta == null ? void 0 : meta.isCleared)) kept.isCleared = true;
    return withMeta(current, context.token, kept);
}
function none(current, token, meta) {
    if (!isPointer(current)) return {
        record: "",
        isMissing: true
    };
    var kept = refusedByEtcd(meta);
    if (meta == null ? void 0 : meta.others) kept.others = meta.others;
    return {
        record: withMeta(current, token, kept)
    };
}
function refusedByEtcd(meta) {
    var _ref = meta != null ? meta : {}, etcd = _ref.etcd, problem = _ref.problem;
    return etcd !== void 0 && (problem == null ? void 0 : problem.isOfEtcd) ? {
        etcd: etcd,
        problem: problem
    } : {};
}
// src/certs/context.ts
/** The context of a client's or an operator's request, or of a call of `js_periodic`. */
function contextOf(r) {
    var variables = variablesOf(r);
    var settings = readSettings(variables);
    var name = zoneName(variables);
    var zone = usableZone(r, name);
    var store = usableStore(r, zone, settings.store);
    if (variables["cert_persist"]) sayPersistIsGone(r, zone);
    var context = {
        r: r,
        settings: settings,
        zone: zone,
        // Negative answers are good for as long as the zone's token: without it nothing tells when they were cleared.
        misses: zone && missesOf(name),
        store: store,
        token: "000000000000" /* FIRST_TOKEN */,
        storeToken: "000000000000" /* FIRST_TOKEN */,
        interval: freshFor(variables),
        filesInterval: checkInterval(variables),
        fallback: normaliseWithWildcard(settings.fallback)
    };
    return withTokens(context);
}
/**
 * The context with the clear tokens of now. The zone takes over the token of the store where another nginx has cleared.
 */
function withTokens(context) {
    var zone = context.zone, store = context.store;
    var token = zone ? clearToken(zone) : "000000000000" /* FIRST_TOKEN */;
    var storeToken = store && readClearToken(store) || "000000000000" /* FIRST_TOKEN */;
    if (zone && store) token = adoptToken(zone, token, storeToken);
    return Object.assign({}, context, {
        token: token,
        storeToken: storeToken
    });
}
function usableZone(r, name) {
    var zone = zoneNamed(name);
    try {
        if (zone) reserveToken(zone);
        return zone;
    } catch (e) {
        r.error('cert_rotation: the zone "'.concat(name, '" cannot be used: ').concat(e.message));
        return void 0;
    }
}
function usableStore(r, zone, path) {
    if (!path) return void 0;
    var fault = "";
    var store;
    try {
        store = openStore(path);
    } catch (e) {
        fault = e.message;
    }
    if (zone ? isNewToSay(zone, "store", fault) : fault) {
        r.error("cert_rotation: no store: ".concat(fault, "; pairs go to nginx as text"));
    }
    return store;
}
function sayPersistIsGone(r, zone) {
    var isNew = !zone || isNewToSay(zone, "persist:".concat(ngx.worker_id), "".concat(process.pid));
    if (isNew) {
        r.error("cert_rotation: $cert_persist does nothing any more: $cert_store keeps what is put; see docs/settings.md");
    }
}
// src/certs/entry_text.ts
/** @returns an empty entry where the text is not JSON */
function parseEntry(text) {
    if (text === void 0) return {};
    try {
        return JSON.parse(text) || {};
    } catch (e) {
        return {};
    }
}
/** Whether an entry's token is one that a clear of its name has left. */
function isOfNameClear(token) {
    return token.charAt(0) === "-" /* NAME_CLEARED */;
}
// src/certs/stored.ts
/**
 * The state of a slot now. The store decides: a record in the zone never brings back a pair that another nginx has deleted.
 *
 * @param slot its key
 * @param text the slot's record in the zone; undefined where it has none
 */
function currentOf(context, slot, text) {
    var store = context.store;
    var none2 = {
        record: void 0,
        version: "",
        entry: "",
        isAdopted: false
    };
    var meta = text === void 0 ? null : readMeta(text);
    var isHere = text !== void 0 && isVersion(text);
    var known = Object.assign({}, none2, {
        record: text
    });
    if (!store) return isHere && !exists(pathOf(text)) ? none2 : known;
    var entry = readEntry(store, slot);
    var _parseEntry = parseEntry(entry), version = _parseEntry.version, token = _parseEntry.token, stored = _parseEntry.meta, file = _parseEntry.file, others = _parseEntry.others, deleted = _parseEntry.deleted;
    if (isPastStore(text, meta, store, version)) {
        return {
            record: text,
            version: version || "",
            entry: entry || "",
            isAdopted: false
        };
    }
    if (deleted) return text !== void 0 && isAnswer(text) ? none2 : known;
    if (file !== void 0) {
        var isSame2 = text !== void 0 && isPointer(text) && targetOf(text) === file;
        var record2 = isSame2 ? text : pointerTo(file, others);
        return Object.assign({}, none2, {
            record: record2,
            isAdopted: !isSame2
        });
    }
    if (version === void 0 || !stored) {
        var isGone = isHere && ((meta == null ? void 0 : meta.store) === store.id || !exists(pathOf(text)));
        return isGone ? none2 : known;
    }
    var isSame = isHere && pathOf(text) === versionPath(store, version) && exists(pathOf(text));
    var record = isSame ? isOfNameClear(token || "------------" /* STALE_TOKEN */) ? markStale(text) : text : stage("read").adopt(context, store, slot, entry);
    return {
        record: record,
        version: version,
        entry: entry,
        isAdopted: !isSame
    };
}
function isPastStore(text, meta, store, version) {
    if (text === void 0 || !meta || isVersion(text) || !holdsPair(text)) return false;
    return meta.store === store.id && meta.before === (version || "");
}
function pointerTo(file, others) {
    return makePointer(file, others ? {
        others: others
    } : {});
}
/** Whether the store has an entry for a slot, a mark included. */
function hasEntry(param, slot) {
    var store = param.store;
    return store !== void 0 && readEntry(store, slot) !== void 0;
}
// src/certs/keep.ts
/** Removes versions that were replaced long enough ago, if the last sweep came to its end some time ago. */
function sweepIfDue(param) {
    var r = param.r, store = param.store, zone = param.zone;
    if (!store) return;
    var last = zone && findSwept(zone);
    if (last !== void 0 && isWithin(last, 0, 1e4 /* SWEEP_INTERVAL_MS */)) return;
    var _sweepStore = stage("sweep").sweepStore(store, 16 /* MOST_SWEPT */), isMoreDue = _sweepStore.isMoreDue, fault = _sweepStore.fault;
    if (!isMoreDue && zone) putSwept(zone, timestamp());
    if (fault) r.log("cert_rotation: the store: ".concat(fault));
}
// src/certs/refresh.ts
/**
 * Looks at a slot's files and at the store, and keeps the result: a new pair, or the current one where the files did not change
 * or cannot be used. Only the worker that gets the slot's lock writes. The others serve the current pair meanwhile: if they
 * served a new pair that they found by themselves, the old one could follow it. After a clear they must look as well.
 *
 * @param slot its key
 * @returns a record with a pair, or a pointer; '' where there is nothing to serve
 * @throws Error of the zone
 */
function refreshSlot(context, slot) {
    var zone = context.zone, misses = context.misses, settings = context.settings;
    if (misses) expireMissing(misses, slot);
    var isKnown = zone !== void 0 && findRecord(zone, slot) !== void 0;
    if (!isKnown && !stampOfSlot(settings, slot) && !hasEntry(context, slot)) {
        if (misses) noteMissing(misses, slot, context.token);
        return "";
    }
    if (!zone) return checkAndKeep(context, slot, NO_LOCK);
    return tryWithLocks(zone, [
        slot
    ], function(attempt) {
        var now = withTokens(context);
        if (attempt.state === "busy") {
            var record = findRecord(zone, slot);
            if (record !== void 0 && readMeta(record) && !isCleared(record, now.token)) {
                return isAnswer(record) ? record : "";
            }
        }
        return checkAndKeep(now, slot, attempt);
    });
}
var NO_LOCK = {
    state: "no-room",
    isLocked: function isLocked() {
        return false;
    }
};
function checkAndKeep(context, slot, attempt) {
    var zone = context.zone, misses = context.misses, token = context.token;
    var began = Date.now();
    var current = currentOf(context, slot, zone && findRecord(zone, slot));
    var result = look(context, slot, current, timestamp());
    var isSame = result.isSame === true && isStored(current);
    var stored = !isSame && concernsStore(context, current, result) ? stage("read").keepInStore(context, slot, current, result, attempt) : result.record;
    var record = withFreshUntil(stored, began, context.interval);
    if (zone && attempt.isLocked()) {
        if (isSame) touchRecord(zone, slot, record);
        else keep(context, slot, record, result);
    } else if (!zone && result.message !== void 0 && result.isError) {
        context.r.error(result.message);
    }
    if (misses && result.isMissing) noteMissing(misses, slot, token);
    sweepIfDue(context);
    return isAnswer(record) ? record : "";
}
function concernsStore(param, param1, param2) {
    var settings = param.settings, version = param1.version, record = param2.record;
    return settings.store !== "" && (record === "" ? version !== "" : holdsPair(record));
}
function isStored(param) {
    var record = param.record, version = param.version, isAdopted = param.isAdopted;
    var isHere = version !== "" && !isAdopted && record !== void 0 && isVersion(record);
    return isHere && record !== markStale(record);
}
function look(context, slot, current, began) {
    var record = current.record;
    if (record !== void 0 && isVersion(record) && !current.isAdopted) {
        var isDue2 = isCleared(record, context.token) || !isCheckedWithin(record, context.filesInterval);
        if (!isDue2) return {
            record: record,
            isSame: true
        };
    }
    var result = checkFiles(context, slot, record);
    if (result.record) result.record = withCheckedAt(result.record, began);
    return result;
}
function keep(context, slot, record, result) {
    var zone = context.zone;
    if (!zone) return;
    if (isFileKey(slot)) {
        if (!stage("read").keepFile(context, zone, slot, record)) return;
        if (result.leftOut !== void 0 && isSettled(result.leftOut)) {
            noteLeftOut(zone, slot, result.leftOut);
        }
    } else if (record) putRecord(zone, slot, record);
    else removeRecord(zone, slot);
    if (result.result || result.message !== void 0 || result.warning !== void 0) {
        stage("read").tell(context, zone, result);
    }
}
// src/certs/resolve.ts
/**
 * Finds the pair for a handshake, in this order:
 *
 * 1. the server name's own, or that of `$cert_name` instead;
 * 2. that of the wildcard above it;
 * 3. that of `$cert_fallback`, which is also for a handshake without a server name, or with a malformed one.
 *
 * For each of these names the handler's own slot comes before the other slot, and files of the name before files that a scan
 * found. A fresh record is taken from the zone. For another one the store and the files are looked at. The function never
 * throws: it logs a fault under one name, and serves the pair that the name has, or goes on to the next name.
 *
 * @param isForRsa whether a handler of the RSA slot asks
 * @returns the path of a version, or a record with PEM; '' where there is no pair
 */
function resolve(r, isForRsa) {
    try {
        var context = contextOf(r);
        var variables = variablesOf(r);
        var asked = variables["cert_name"] || variables["ssl_server_name"];
        var name = asked ? normalise(asked) : "";
        var isStandIn = name.startsWith("".concat(context.settings.wildcardLabel, "."));
        var hasRsaSlot2 = context.settings.certFileRsa !== "";
        var names = [
            isStandIn ? "" : name,
            wildcardOf(name),
            context.fallback
        ];
        for(var i = 0; i < names.length; i++){
            var candidate = names[i];
            if (!candidate || names.indexOf(candidate) < i) continue;
            var slots = slotKeys(candidate, hasRsaSlot2, isForRsa);
            for(var j = 0; j < slots.length; j++){
                var record = recordOf(context, slots[j]);
                if (record) return answerOf(record);
            }
        }
        return "";
    } catch (e) {
        r.error("cert_rotation: ".concat(e.message));
        return "";
    }
}
function recordOf(context, slot) {
    var _a, _b;
    var record = recordUnder(context, slot);
    for(var i = 0; i < 3 /* MOST_POINTERS */ && isPointer(record); i++){
        var pair = recordUnder(context, targetOf(record));
        if (pair && ((_b = (_a = readMeta(pair)) == null ? void 0 : _a.found) == null ? void 0 : _b.names.indexOf(nameOf(slot))) !== -1) return pair;
        record = context.zone && findRecord(context.zone, slot) || "";
    }
    return holdsPair(record) ? record : "";
}
function recordUnder(context, slot) {
    var zone = context.zone, misses = context.misses, token = context.token, interval = context.interval;
    var held;
    try {
        var found = zone && findRecord(zone, slot);
        if (found !== void 0 && readMeta(found)) held = found;
        if (held !== void 0 && isAnswer(held)) {
            if (isFresh(held, token, interval)) return held;
        } else if (held !== void 0 && isFresh(held, token, retryInterval(interval))) {
            return "";
        }
        if (held === void 0 && misses && isMissing(misses, slot, token, interval)) return "";
        return refreshSlot(context, slot);
    } catch (e) {
        context.r.error("cert_rotation: ".concat(nameOf(slot), ": ").concat(e.message));
        return held !== void 0 && isAnswer(held) ? held : "";
    }
}
function retryInterval(interval) {
    return interval === 0 ? 1e3 /* REFUSED_RETRY_MS */ : Math.min(interval, 1e3 /* REFUSED_RETRY_MS */);
}

stages.start_sweep = start_sweep;
return {
    resolve: resolve
};
/** Made for the removal of versions that were replaced. */
function start_sweep() {

// ======== engine/: what the njs engine lacks: refusals with codes, session types, clock, timers, workers
// src/engine/fairness.ts
/**
 * A list from any of its members on, with those before at the end: what cannot be done to one of them, or has no time left, must not keep
 * the others waiting for ever.
 */
function fromAnywhere(list) {
    var first = Math.floor(Math.random() * list.length);
    return list.slice(first).concat(list.slice(0, first));
}

// ======== disk/: files, and the store of versions: what is written is whole whenever a worker is killed
// src/disk/fs.ts
/** Does a step that is in vain where the file is not there, or not there any more. */
function ifThere(work) {
    try {
        work();
    } catch (e) {
        var code = e.code;
        if (code !== "ENOENT" && code !== "ENOTDIR") throw e;
    }
}
/**
 * The names of a folder's entries, in no order.
 *
 * @throws FileError with a message that names the path
 */
function listFolder(folder) {
    return naming(folder, function() {
        return fs.readdirSync(folder);
    });
}
/** The names of a folder's entries, in no order; none where there is no folder. It throws as `listFolder` does. */
function listIfThere(folder) {
    var names = [];
    ifThere(function() {
        names = listFolder(folder);
    });
    return names;
}
/**
 * Makes a symlink.
 *
 * @throws FileError with the path, also where there is an entry under it
 */
function makeLink(target, path) {
    naming(path, function() {
        fs.symlinkSync(target, path);
    });
}
/**
 * Renames within a file system, and replaces the entry under the new name.
 *
 * @throws FileError with the new path
 */
function renameFile(from, to) {
    naming(to, function() {
        fs.renameSync(from, to);
    });
}
/**
 * Removes an entry that is no folder, if it is there.
 *
 * @throws FileError with the path
 */
function unlink(path) {
    ifThere(function() {
        naming(path, function() {
            fs.unlinkSync(path);
        });
    });
}
/** Removes a folder if it is there and empty. */
function removeFolder(path) {
    try {
        fs.rmdirSync(path);
    } catch (e) {}
}
// src/disk/store.ts
/**
 * The path of the claim of a slot's entry.
 *
 * @param slot its key
 */
function claimPath(param, slot) {
    var root = param.root;
    return "".concat(root, "/changing/").concat(kindOf(slot), "/").concat(nameOf(slot));
}
var KINDS = [
    "names",
    "rsa",
    "files"
];
/** A part of a file name that no nginx which shares the store has used before. */
function uniqueId() {
    var bytes = Buffer.alloc(9);
    crypto.getRandomValues(bytes);
    return bytes.toString("base64").replace(/\+/g, "-").replace(/\//g, "_");
}
// src/disk/place.ts
/**
 * Removes a link, if it meets a condition. On a full disk, where no claim can be made, the link is removed all the same.
 *
 * @throws Error of the file system
 */
function removeLink(store, param, mayRemove) {
    var path = param.path, claim = param.claim;
    quietly(function() {
        makeClaim(store, claim, "removal");
    });
    try {
        var isMet = mayRemove(readLink(path));
        if (isMet) unlink(path);
        return isMet;
    } finally{
        quietly(function() {
            unlink(claim);
        });
    }
}
function makeClaim(param, claim, target) {
    var root = param.root;
    for(var tries = 1;; tries++){
        try {
            inFolder(root, claim, function() {
                makeLink(target, claim);
            });
            return;
        } catch (e) {
            if (e.code !== "EEXIST") throw e;
        }
        if (tries % 1e3 /* MOST_TRIES */ === 0) unlink(claim);
    }
}
function inFolder(root, path, work) {
    try {
        work();
        return;
    } catch (e) {
        if (!isNotThere(e)) throw e;
    }
    var at = path.indexOf("/", root.length + 1);
    while(at > 0){
        makeFolder(path.slice(0, at));
        at = path.indexOf("/", at + 1);
    }
    work();
}
function quietly(work) {
    try {
        work();
    } catch (e) {}
}
function isNotThere(e) {
    return e.code === "ENOENT";
}
// src/disk/entries.ts
var always = function always() {
    return true;
};
/**
 * Removes a slot's entry if it is there.
 *
 * @param mayRemove as in `placeEntry`
 * @throws Error of the file system
 */
function removeEntry(store, slot) {
    var mayRemove = arguments.length > 2 && arguments[2] !== void 0 ? arguments[2] : always;
    removeLink(store, linkOf(store, slot), mayRemove);
}
function linkOf(store, slot) {
    return {
        path: entryPath(store, slot),
        claim: claimPath(store, slot)
    };
}
// src/disk/versions.ts
function bucketOf(ms) {
    return Math.floor(ms / 1e4 /* BUCKET_MS */);
}
/**
 * Removes versions that were retired for long enough, and what killed workers left in temporary/ and changing/.
 *
 * @param most the number of notes to look at, and of files in temporary/
 */
function sweep(store, sweeper, most) {
    var sweeping = {
        store: store,
        sweeper: sweeper,
        most: most,
        left: most,
        removed: 0,
        fault: ""
    };
    tryTo(sweeping, function() {
        sweepUnfinished(sweeping);
    });
    var folder = "".concat(store.root, "/retired");
    tryTo(sweeping, function() {
        var _loop = function(i) {
            tryTo(sweeping, function() {
                var bucket = dueBucket(folder, buckets[i]);
                if (bucket) sweepBucket(sweeping, bucket);
            });
        };
        var buckets = fromAnywhere(listIfThere(folder).filter(function(name) {
            return BUCKET_NAME.test(name);
        }));
        for(var i = 0; i < buckets.length && sweeping.left > 0; i++)_loop(i);
    });
    var left = sweeping.left, removed = sweeping.removed, fault = sweeping.fault;
    return {
        isMoreDue: removed > 0 && (left <= 0 || removed >= most),
        fault: fault
    };
}
function tryTo(sweeping, step) {
    try {
        step();
    } catch (e) {
        sweeping.fault = e.message;
    }
}
var BUCKET_NAME = /^\d+(-.*)?$/;
function dueBucket(folder, name) {
    var now = Date.now();
    var begins = parseInt(name, 10) * 1e4 /* BUCKET_MS */;
    var path = "".concat(folder, "/").concat(name);
    if (begins <= now + 1e4 /* BUCKET_MS */) return begins + 1e4 /* BUCKET_MS */ + 6e4 /* KEPT_MS */ <= now ? path : "";
    ifThere(function() {
        renameFile(path, "".concat(folder, "/").concat(bucketOf(now), "-").concat(uniqueId()));
    });
    return "";
}
function sweepBucket(sweeping, bucket) {
    var store = sweeping.store, sweeper = sweeping.sweeper;
    var names = fromAnywhere(listIfThere(bucket)).slice(0, sweeping.left);
    sweeping.left -= names.length + 1;
    var notes = [];
    var replaced = [];
    names.forEach(function(name) {
        tryTo(sweeping, function() {
            var owner = readLink("".concat(bucket, "/").concat(name));
            if (owner === void 0) return;
            if (name.startsWith("mark." /* MARK */)) sweeper.removeMark(owner);
            else if (!sweeper.isCurrent(name, owner)) replaced.push(name);
            notes.push(name);
        });
    });
    var buckets = replaced.length > 0 ? otherBuckets(store, bucket) : [];
    notes.forEach(function(name) {
        tryTo(sweeping, function() {
            var isNotedAnew = buckets.some(function(other) {
                return exists("".concat(other, "/").concat(name));
            });
            if (replaced.indexOf(name) >= 0 && !isNotedAnew) unlink(versionPath(store, name));
            unlink("".concat(bucket, "/").concat(name));
            sweeping.removed++;
        });
    });
    removeFolder(bucket);
}
function otherBuckets(param, bucket) {
    var root = param.root;
    var folder = "".concat(root, "/retired");
    return listIfThere(folder).map(function(name) {
        return "".concat(folder, "/").concat(name);
    }).filter(function(other) {
        return other !== bucket;
    });
}
function sweepUnfinished(sweeping) {
    var root = sweeping.store.root;
    [
        "temporary"
    ].concat(KINDS.map(function(kind) {
        return "changing/".concat(kind);
    })).forEach(function(folder) {
        fromAnywhere(listIfThere("".concat(root, "/").concat(folder))).slice(0, sweeping.most).forEach(function(name) {
            tryTo(sweeping, function() {
                ifThere(function() {
                    var path = "".concat(root, "/").concat(folder, "/").concat(name);
                    var age = Date.now() - statLink(path).mtimeMs;
                    if (age <= 6e4 /* KEPT_MS */ && age >= -6e4 /* KEPT_MS */) return;
                    unlink(path);
                    sweeping.removed++;
                });
            });
        });
    });
}

// ======== certs/: decides which pair a name is served, and whether a pair may take its place
// src/certs/stored.ts
/**
 * Removes versions and marks that are due.
 *
 * @param most the number of them to look at
 */
function sweepStore(store, most) {
    return sweep(store, {
        isCurrent: function isCurrent(version, owner) {
            return stage("read").slotsOfOwner(store, version, owner).some(function(slot) {
                return parseEntry(readEntry(store, slot)).version === version;
            });
        },
        removeMark: function removeMark(slot) {
            removeEntry(store, slot, function(held) {
                return parseEntry(held).deleted === true;
            });
        }
    }, most);
}

stages.start_read = start_read;
return {
    sweepStore: sweepStore
};
/** Made for a look that has found something new: pairs are read, checked and kept. */
function start_read() {
function _array_like_to_array(arr, len) {
    if (len == null || len > arr.length) len = arr.length;
    for(var i = 0, arr2 = new Array(len); i < len; i++)arr2[i] = arr[i];
    return arr2;
}
function _array_with_holes(arr) {
    if (Array.isArray(arr)) return arr;
}
function _define_property(obj, key, value) {
    if (key in obj) {
        Object.defineProperty(obj, key, {
            value: value,
            enumerable: true,
            configurable: true,
            writable: true
        });
    } else obj[key] = value;
    return obj;
}
function _instanceof(left, right) {
    "@swc/helpers - instanceof";
    if (right != null && typeof Symbol !== "undefined" && right[Symbol.hasInstance]) {
        return !!right[Symbol.hasInstance](left);
    } else return left instanceof right;
}
function _iterable_to_array_limit(arr, i) {
    var _i = arr == null ? null : typeof Symbol !== "undefined" && arr[Symbol.iterator] || arr["@@iterator"];
    if (_i == null) return;
    var _arr = [];
    var _n = true;
    var _d = false;
    var _s, _e;
    try {
        for(_i = _i.call(arr); !(_n = (_s = _i.next()).done); _n = true){
            _arr.push(_s.value);
            if (i && _arr.length === i) break;
        }
    } catch (err) {
        _d = true;
        _e = err;
    } finally{
        try {
            if (!_n && _i["return"] != null) _i["return"]();
        } finally{
            if (_d) throw _e;
        }
    }
    return _arr;
}
function _non_iterable_rest() {
    throw new TypeError("Invalid attempt to destructure non-iterable instance.\nIn order to be iterable, non-array objects must have a [Symbol.iterator]() method.");
}
function _sliced_to_array(arr, i) {
    return _array_with_holes(arr) || _iterable_to_array_limit(arr, i) || _unsupported_iterable_to_array(arr, i) || _non_iterable_rest();
}
function _type_of(obj) {
    "@swc/helpers - typeof";
    return obj && typeof Symbol !== "undefined" && obj.constructor === Symbol ? "symbol" : typeof obj;
}
function _unsupported_iterable_to_array(o, minLen) {
    if (!o) return;
    if (typeof o === "string") return _array_like_to_array(o, minLen);
    var n = Object.prototype.toString.call(o).slice(8, -1);
    if (n === "Object" && o.constructor) n = o.constructor.name;
    if (n === "Map" || n === "Set") return Array.from(o);
    if (n === "Arguments" || /^(?:Ui|I)nt(?:8|16|32)(?:Clamped)?Array$/.test(n)) return _array_like_to_array(o, minLen);
}

// ======== engine/: what the njs engine lacks: refusals with codes, session types, clock, timers, workers
// src/engine/refusal.ts
/**
 * Throws a refusal.
 *
 * @param code the reason, for programs
 * @param detail the reason and the remedy, for an operator. It appears in logs and in answers, so it must not contain any part of a
 *   private key, and of a certificate at most a short excerpt of a public field.
 * @throws the refusal, always
 */
function refuse(code, detail) {
    var refusal = new Error(detail);
    refusal.name = "Refusal" /* NAME */;
    refusal.code = code;
    throw refusal;
}
/** Whether an exception is a refusal, and not a fault in the script. */
function isRefusal(e) {
    return _instanceof(e, Error) && e.name === "Refusal" /* NAME */;
}

// ======== config/: what the nginx variables say: settings, slots and paths
// src/config/paths.ts
/** Whether a template has a path for each name, instead of one for all names. */
function isPerName(template) {
    return template.indexOf("{name}") >= 0;
}

// ======== x509/: PEM, certificates, keys and server names: functions of their arguments alone
// src/x509/bignum.ts
/** The limbs of a number in hex, without zeros at the top. */
function limbsOf(hex) {
    var limbs = [];
    for(var end = hex.length; end > 0; end -= 11 /* TWO_LIMBS_HEX */){
        var two = parseInt(hex.slice(Math.max(end - 11 /* TWO_LIMBS_HEX */, 0), end), 16);
        limbs.push(two % 4194304 /* BASE */, Math.floor(two / 4194304 /* BASE */));
    }
    return trim(limbs);
}
function trim(limbs) {
    while(limbs.length > 0 && limbs[limbs.length - 1] === 0)limbs.pop();
    return limbs;
}
/** A number with the sign of a - b. */
function compare(a, b) {
    if (a.length !== b.length) return a.length - b.length;
    for(var i = a.length - 1; i >= 0; i--){
        var difference2 = a[i] - b[i];
        if (difference2 !== 0) return difference2;
    }
    return 0;
}
/** Whether a number is 1. */
function isOne(limbs) {
    return limbs.length === 1 && limbs[0] === 1;
}
function sum(a, b) {
    var limbs = a.slice();
    for(var i = 0; i < b.length; i++)limbs[i] = (limbs[i] || 0) + b[i];
    return carried(limbs);
}
/** a - b, where a is the larger one, or equal. */
function difference(a, b) {
    var limbs = a.slice();
    for(var i = 0; i < b.length; i++)limbs[i] = limbs[i] - b[i];
    return carried(limbs);
}
function product(a, b) {
    var limbs = [];
    var over = 0;
    for(var column = 0; column < a.length + b.length; column++){
        var last = Math.min(column, a.length - 1);
        for(var i = Math.max(column - b.length + 1, 0); i <= last; i++){
            over += a[i] * b[column - i];
        }
        var rest = Math.floor(over / 4194304 /* BASE */);
        limbs.push(over - rest * 4194304 /* BASE */);
        over = rest;
    }
    return trim(limbs);
}
function addMultiple(limbs, at, number, factor) {
    for(var j = 0; j < number.length; j++){
        limbs[at + j] = limbs[at + j] + factor * number[j];
    }
}
function carried(limbs) {
    var over = carry(limbs);
    if (over > 0) limbs.push(over);
    return trim(limbs);
}
function carry(limbs) {
    var over = 0;
    for(var i = 0; i < limbs.length; i++){
        var limb = limbs[i] + over;
        over = Math.floor(limb / 4194304 /* BASE */);
        limbs[i] = limb - over * 4194304 /* BASE */;
    }
    return over;
}
/**
 * a modulo m, by long division. Each digit of the quotient is estimated from the highest limbs, and may be one too large or too
 * small: what is left has a sign until the end.
 */
function remainder(a, m) {
    var size = m.length;
    if (compare(a, m) < 0) return a;
    var rest = a.slice();
    var divisor = leadOf(m, size);
    for(var at = rest.length - size; at >= 0; at--){
        var top = at + size;
        if (top < rest.length) {
            rest[top - 1] = rest[top - 1] + rest[top] * 4194304 /* BASE */;
            rest[top] = 0;
        }
        var digit = Math.round(leadOf(rest, top) / divisor);
        addMultiple(rest, at, m, -digit);
    }
    var result = rest.slice(0, size);
    for(var over = carry(result); over < 0; over += carry(result))addMultiple(result, 0, m, 1);
    var positive = trim(result);
    return compare(positive, m) < 0 ? positive : difference(positive, m);
}
/** a / b, as exact as a double can be. */
function ratioOf(a, b) {
    return leadOf(a, a.length) / leadOf(b, b.length) * Math.pow(4194304 /* BASE */, a.length - b.length);
}
function leadOf(limbs, end) {
    return (limbs[end - 1] || 0) * 4194304 /* BASE */ + (limbs[end - 2] || 0) + (limbs[end - 3] || 0) / 4194304 /* BASE */;
}
/** The number of zero bits at the low end of a number, in its lowest limb alone. */
function trailingZeros(limbs) {
    var limb = limbs[0];
    if (limb === 0) return 22 /* LIMB_BITS */;
    var zeros = 0;
    while(limb % 2 === 0){
        limb /= 2;
        zeros++;
    }
    return zeros;
}
/**
 * A number without its lowest bits, which are zero.
 *
 * @param bits at most those of one limb
 */
function shiftRight(limbs, bits) {
    var divisor = Math.pow(2, bits);
    var shifted = [];
    for(var i = 0; i < limbs.length; i++){
        var above = (limbs[i + 1] || 0) % divisor;
        shifted.push(Math.floor(limbs[i] / divisor) + above * (4194304 /* BASE */ / divisor));
    }
    return trim(shifted);
}
// src/x509/utf8.ts
var SMALLEST = [
    0,
    128,
    2048,
    65536
];
/**
 * Whether bytes are UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. OpenSSL refuses a Name with other bytes in
 * a UTF8String (ASN1_STRING_to_UTF8 in asn1_string_canon, crypto/x509/x_name.c). The engines' decoders cannot tell: that of QuickJS
 * lets surrogates pass.
 */
function isUtf8(bytes, start, end) {
    var at = start;
    while(at < end){
        var first = bytes[at++];
        if (first < 128) continue;
        var more = first < 224 ? 1 : first < 240 ? 2 : 3;
        if (first < 192 || first >= 248 || at + more > end) return false;
        var code = first & 63 >> more;
        for(var last = at + more; at < last; at++){
            var next = bytes[at];
            if ((next & 192) !== 128) return false;
            code = code * 64 + (next & 63);
        }
        var isSurrogate = code >= 55296 && code < 57344;
        if (code < SMALLEST[more] || code > 1114111 || isSurrogate) return false;
    }
    return true;
}
// src/x509/der.ts
/** The tag of `[number]`, primitive: an IMPLICIT string or integer. */
function contextTag(number) {
    return 128 + number;
}
/** The tag of `[number]`, constructed: EXPLICIT, or an IMPLICIT SEQUENCE or SET. */
function constructedTag(number) {
    return 160 + number;
}
/**
 * Reads the element at an offset.
 *
 * @param at offset of its tag
 * @param limit the largest offset at which it may end
 * @throws malformed: it is not DER, or ends after `limit`
 */
function readElement(bytes, at, limit) {
    var start = at + 2;
    if (start > limit) refuse("malformed", "unreadable DER: an element is cut off");
    var tag = bytes[at];
    var length = bytes[at + 1];
    if (length >= 128) {
        var lengthBytes = length - 128;
        start += lengthBytes;
        if (lengthBytes === 0 || lengthBytes > 3 || start > limit) {
            refuse("malformed", "unreadable DER: not a definite length");
        }
        length = bytes.readUIntBE(at + 2, lengthBytes);
        if (length < 128 || length < Math.pow(256, lengthBytes - 1)) {
            refuse("malformed", "unreadable DER: a length is not minimal");
        }
    }
    var end = start + length;
    if (end > limit) refuse("malformed", "unreadable DER: an element is cut off");
    if ((tag & 31) === 31) refuse("malformed", "unreadable DER: a tag of several bytes");
    return {
        bytes: bytes,
        tag: tag,
        at: at,
        start: start,
        end: end
    };
}
/**
 * Reads an element inside `parent`.
 *
 * @param at offset of the element in `parent.bytes`
 * @param tag that it must have
 * @param what the name of the element in a refusal, such as "a signature"
 * @throws malformed
 */
function readTagged(parent, at, tag, what) {
    var element = readElement(parent.bytes, at, parent.end);
    if (element.tag !== tag) refuse("malformed", "unreadable DER: ".concat(what, " expected"));
    return element;
}
/**
 * Reads an element that fills `bytes`.
 *
 * @throws malformed: it is not such an element, or something follows it
 */
function readWhole(bytes, tag, what) {
    var element = readElement(bytes, 0, bytes.length);
    if (element.tag !== tag) refuse("malformed", "unreadable DER: ".concat(what, " expected"));
    expectEnd(bytes.length, element.end, what);
    return element;
}
/**
 * Reads an element that fills `parent`.
 *
 * @throws malformed: it is not such an element, or something follows it
 */
function readOnly(parent, tag, what) {
    var element = readTagged(parent, parent.start, tag, what);
    expectEnd(parent.end, element.end, what);
    return element;
}
/**
 * Checks that nothing follows an element.
 *
 * @param end the offset at which it has to end
 * @param at the offset at which it ends
 * @throws malformed
 */
function expectEnd(end, at, what) {
    if (at !== end) refuse("malformed", "unreadable DER: something follows ".concat(what));
}
/**
 * Reads the elements that fill `parent`.
 *
 * @throws malformed
 */
function children(parent) {
    var found = [];
    var at = parent.start;
    while(at < parent.end){
        var child = readElement(parent.bytes, at, parent.end);
        found.push(child);
        at = child.end;
    }
    return found;
}
/** The value of an element, without tag and length, in lower-case hex. */
function hexOf(element) {
    return element.bytes.toString("hex", element.start, element.end);
}
/** The whole element, with tag and length, in lower-case hex. */
function hexOfWhole(element) {
    return element.bytes.toString("hex", element.at, element.end);
}
/** The value of an element as UTF-8. Where it is none, there is a U+FFFD in the text, which no server name contains. */
function utf8Of(param) {
    var bytes = param.bytes, start = param.start, end = param.end;
    var text = bytes.toString("utf8", start, end);
    return text.length === end - start || isUtf8(bytes, start, end) ? text : "�";
}
/**
 * Checks an INTEGER of any sign: it must have at least one byte, and no padding (X.690, 8.3).
 *
 * @throws malformed
 */
function expectInteger(element, what) {
    var first = element.bytes[element.start];
    var second = element.bytes[element.start + 1];
    var length = element.end - element.start;
    var padded = length > 1 && (first === 0 && second < 128 || first === 255 && second >= 128);
    if (element.tag !== 2 /* INTEGER */ || length === 0 || padded) {
        refuse("malformed", "unreadable DER: ".concat(what, " is not an integer"));
    }
}
/**
 * Reads a positive INTEGER.
 *
 * @returns the number in lower-case hex, without a sign byte
 * @throws malformed
 */
function positiveInteger(element, what) {
    expectInteger(element, what);
    var first = element.bytes[element.start];
    if (first >= 128 || first === 0 && element.end - element.start === 1) {
        refuse("malformed", "unreadable DER: ".concat(what, " is not positive"));
    }
    return element.bytes.toString("hex", element.start + (first === 0 ? 1 : 0), element.end);
}
/**
 * Reads the value of a BIT STRING of whole bytes. The tag is not checked.
 *
 * @returns the bytes in lower-case hex
 * @throws malformed
 */
function bitString(element, what) {
    if (element.end === element.start || element.bytes[element.start] !== 0) {
        refuse("malformed", "unreadable DER: ".concat(what, " is not of whole bytes"));
    }
    return element.bytes.toString("hex", element.start + 1, element.end);
}
/**
 * Checks the value of a BIT STRING. The tag is not checked.
 *
 * @throws malformed
 */
function expectBitString(param) {
    var bytes = param.bytes, start = param.start, end = param.end;
    if (start === end || bytes[start] > 7) {
        refuse("malformed", "unreadable DER: not a string of bits");
    }
}
/**
 * Reads an OBJECT IDENTIFIER (X.690, 8.19).
 *
 * @returns its value in lower-case hex, which is cheaper to compare than the dotted form
 * @throws malformed
 */
function objectIdentifier(element) {
    var bytes = element.bytes;
    if (element.tag !== 6 /* OBJECT_IDENTIFIER */ || element.end === element.start) {
        refuse("malformed", "unreadable DER: an object identifier expected");
    }
    var startsArc = true;
    for(var i = element.start; i < element.end; i++){
        var byte = bytes[i];
        if (startsArc && byte === 128) refuse("malformed", "unreadable DER: a padded identifier");
        startsArc = byte < 128;
    }
    if (!startsArc) refuse("malformed", "unreadable DER: an identifier is cut off");
    return hexOf(element);
}
/**
 * The dotted form of an object identifier.
 *
 * @param hex as `objectIdentifier` returns it
 */
function dottedForm(hex) {
    var arcs = [];
    var arc = 0;
    for(var i = 0; i < hex.length; i += 2){
        var byte = parseInt(hex.slice(i, i + 2), 16);
        arc = arc * 128 + (byte & 127);
        if (byte < 128) {
            if (arcs.length === 0) {
                var root = Math.min(Math.floor(arc / 40), 2);
                arcs.push(root, arc - 40 * root);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    return arcs.join(".");
}
/**
 * Reads a time of RFC 5280, section 4.1.2.5: UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ`.
 *
 * @returns seconds since 1970
 * @throws malformed: the form is another one, or there is no such day
 */
function readTime(element, what) {
    var digits = utf8Of(element).slice(0, -1);
    if (element.tag === 23 /* UTC_TIME */) {
        digits = (digits < "50" ? "20" : "19") + digits;
    } else if (element.tag !== 24 /* GENERALIZED_TIME */) {
        refuse("malformed", "".concat(what, " is not a time"));
    }
    var part = function part(at) {
        return Number(digits.slice(at, at + 2));
    };
    var millis = Date.UTC(Number(digits.slice(0, 4)), part(4) - 1, part(6), part(8), part(10), part(12));
    var isDate = !isNaN(millis) && new Date(millis).toISOString().replace(/\D/g, "") === digits + "000";
    if (!isDate || element.bytes[element.end - 1] !== 90) {
        refuse("malformed", "".concat(what, " is not a time in UTC, to the second"));
    }
    return millis / 1e3;
}
/**
 * Writes an element, to wrap a key.
 *
 * @param content the value in hex
 * @returns the whole element in hex
 */
function write(tag, content) {
    var length = (content.length / 2).toString(16);
    if (length.length % 2 === 1) length = "0" + length;
    if (content.length / 2 >= 128) length = (128 + length.length / 2).toString(16) + length;
    return (tag < 16 ? "0" : "") + tag.toString(16) + length + content;
}
// src/x509/names.ts
var BYTE_STRINGS = [
    19,
    20,
    18,
    22
];
/**
 * Checks a Name (RFC 5280, 4.1.2.4) down to the encoding of its strings, as OpenSSL does.
 *
 * @throws malformed
 */
function expectName(name) {
    var at = name.start;
    while(at < name.end){
        var set = readTagged(name, at, 49 /* SET */, "a relative name");
        expectRelativeName(set);
        at = set.end;
    }
}
/**
 * Checks a RelativeDistinguishedName, whatever its tag.
 *
 * @throws malformed
 */
function expectRelativeName(set) {
    var at = set.start;
    do {
        var attribute = readTagged(set, at, 48 /* SEQUENCE */, "an attribute");
        var type = readElement(attribute.bytes, attribute.start, attribute.end);
        objectIdentifier(type);
        var value = readElement(attribute.bytes, type.end, attribute.end);
        expectEnd(attribute.end, value.end, "an attribute");
        expectValue(value);
        at = attribute.end;
    }while (at < set.end);
}
function expectValue(value) {
    if (value.tag === 48 /* SEQUENCE */) return;
    if (value.tag === 3 /* BIT_STRING */) expectBitString(value);
    else if (!isText(value)) refuse("malformed", "a name in a certificate is not text");
}
/** Checks that a DirectoryString or an attribute's value is text, in the encoding of its type. */
function isText(value) {
    var bytes = value.bytes, tag = value.tag, start = value.start, end = value.end;
    if (tag === 12 /* UTF8_STRING */) {
        var text = utf8Of(value);
        return text.indexOf("�") < 0 && Buffer.byteLength(text) === end - start;
    }
    var width = widthOf(tag);
    if (width < 2) return width === 1;
    if ((end - start) % width !== 0) return false;
    for(var at = start; at < end; at += width){
        var char = bytes.readUIntBE(at, width);
        if (char >= 55296 && char < 57344 || char > 1114111) return false;
    }
    return true;
}
function widthOf(tag) {
    if (tag === 30 /* BMP_STRING */) return 2;
    if (tag === 28 /* UNIVERSAL_STRING */) return 4;
    return BYTE_STRINGS.indexOf(tag) >= 0 ? 1 : 0;
}
/** The text of an attribute's value that was checked. It is null where the value is no text. */
function textOf(value) {
    var width = widthOf(value.tag);
    if (width === 0 && value.tag !== 12 /* UTF8_STRING */) return null;
    if (width < 2) {
        var text2 = utf8Of(value);
        if (width === 0 || !/[\u0080-\uffff]/.test(text2)) return text2;
    }
    var text = "";
    for(var at = value.start; at < value.end; at += width){
        var char = value.bytes.readUIntBE(at, width);
        var high = char - 65536;
        text += high < 0 ? String.fromCharCode(char) : String.fromCharCode(55296 + (high >> 10), 56320 + (high & 1023));
    }
    return text;
}
/**
 * A Name in a form in which names that RFC 5280, 7.1, has as equal are equal: whatever their string types, letter case and blanks,
 * and the order of attributes in one relative name. OpenSSL compares so (x509_name_canon in crypto/x509/x_name.c), but for the
 * letter case outside ASCII.
 */
function comparableName(name) {
    return children(name).map(function(set) {
        return children(set).map(comparableAttribute).sort().join("\n");
    }).join("\n\n");
}
function comparableAttribute(attribute) {
    var _children = _sliced_to_array(children(attribute), 2), type = _children[0], value = _children[1];
    var text = textOf(value);
    var comparable = text === null ? hexOfWhole(value) : text.replace(/[ \t\n\v\f\r]+/g, " ").replace(/^ | $/g, "").toLowerCase();
    return "".concat(hexOf(type), "=").concat(comparable);
}
// src/x509/extension.ts
var CHECKS = {
    "551d0e": function(content) {
        return void readOnly(content, 4 /* OCTET_STRING */, "an extension" /* WHAT */);
    },
    // subjectKeyIdentifier
    "551d0f": expectKeyUsage,
    "551d11": function(content) {
        expectGeneralNames(sequenceIn(content));
    },
    // subjectAltName
    "551d13": expectBasicConstraints,
    "551d1e": function(content) {
        expectFields(sequenceIn(content), [
            [
                constructedTag(0),
                expectSubtrees
            ],
            [
                constructedTag(1),
                expectSubtrees
            ]
        ]);
    },
    // nameConstraints
    "551d1f": function(content) {
        children(sequenceIn(content)).forEach(expectDistributionPoint);
    },
    // cRLDistributionPoints
    "551d23": function(content) {
        expectFields(sequenceIn(content), [
            [
                contextTag(0),
                anything
            ],
            [
                constructedTag(1),
                expectGeneralNames
            ],
            [
                contextTag(2),
                expectNumber
            ]
        ]);
    },
    // authorityKeyIdentifier
    "551d25": function(content) {
        children(sequenceIn(content)).forEach(objectIdentifier);
    },
    // extKeyUsage
    "6086480186f8420101": function(content) {
        expectBitString(readOnly(content, 3 /* BIT_STRING */, "an extension" /* WHAT */));
    },
    // Netscape's certificate type
    "2b06010505070107": expectAddressBlocks,
    "2b06010505070108": function(content) {
        expectFields(sequenceIn(content), [
            [
                constructedTag(0),
                expectSystemNumbers
            ],
            [
                constructedTag(1),
                expectSystemNumbers
            ]
        ]);
    },
    // autonomousSysIds
    // A proxy certificate (RFC 3820) is no server's: OpenSSL refuses one that has a subjectAltName, and clients refuse the others.
    "2b0601050507010e": refuseExtension
};
/** Whether OpenSSL reads an extension when a certificate is used. It may then not be there twice. */
function isRead(type) {
    return CHECKS[type] !== void 0;
}
/**
 * Checks the content of an extension, if it is one that OpenSSL reads.
 *
 * @param type the object identifier in hex
 * @param content the extension's OCTET STRING
 * @throws malformed
 */
function expectExtension(type, content) {
    var check = CHECKS[type];
    if (check !== void 0) check(content);
}
function refuseExtension() {
    return refuse("malformed", "unreadable extension in a certificate");
}
function sequenceIn(content) {
    return readOnly(content, 48 /* SEQUENCE */, "an extension" /* WHAT */);
}
function anything() {}
function expectFields(parent, fields) {
    var next = 0;
    children(parent).forEach(function(part) {
        while(next < fields.length && fields[next][0] !== part.tag)next++;
        var field = fields[next++] || refuseExtension();
        field[1](part);
    });
}
function expectNumber(integer) {
    expectInteger(Object.assign({}, integer, {
        tag: 2 /* INTEGER */
    }), "an extension" /* WHAT */);
}
function expectKeyUsage(content) {
    var usage = readOnly(content, 3 /* BIT_STRING */, "an extension" /* WHAT */);
    expectBitString(usage);
    var bytes = usage.bytes, start = usage.start, end = usage.end;
    var bits = 0;
    for(var at = start + 1; at < Math.min(end, start + 3); at++){
        var unused = at === end - 1 ? bytes[start] : 0;
        bits |= bytes[at] >> unused;
    }
    if (bits === 0) refuseExtension();
}
function expectBasicConstraints(content) {
    expectFields(sequenceIn(content), [
        [
            1 /* BOOLEAN */,
            function(param) {
                var start = param.start, end = param.end;
                if (end - start !== 1) refuseExtension();
            }
        ],
        [
            2 /* INTEGER */,
            function(length) {
                expectInteger(length, "an extension" /* WHAT */);
                if (length.bytes[length.start] >= 128) refuseExtension();
            }
        ]
    ]);
}
function expectGeneralNames(names) {
    children(names).forEach(expectGeneralName);
}
var _obj;
var NAME_FORMS = (_obj = {}, _define_property(_obj, constructedTag(0), expectOtherName), _define_property(_obj, contextTag(1), anything), // rfc822Name, dNSName: ASCII
_define_property(_obj, contextTag(2), anything), _define_property(_obj, constructedTag(3), anything), // x400Address, into which OpenSSL does not look
_define_property(_obj, constructedTag(4), function(name) {
    expectName(readOnly(name, 48 /* SEQUENCE */, "an extension" /* WHAT */));
}), // directoryName
_define_property(_obj, constructedTag(5), expectPartyName), _define_property(_obj, contextTag(6), anything), // URI
_define_property(_obj, contextTag(7), anything), // iPAddress
_define_property(_obj, contextTag(8), function(name) {
    objectIdentifier(Object.assign({}, name, {
        tag: 6 /* OBJECT_IDENTIFIER */
    }));
}), _obj);
function expectGeneralName(name) {
    var check = NAME_FORMS[name.tag] || refuseExtension();
    check(name);
}
function expectOtherName(name) {
    var type = readElement(name.bytes, name.start, name.end);
    objectIdentifier(type);
    var value = readElement(name.bytes, type.end, name.end);
    if (value.end !== name.end || value.tag !== constructedTag(0) || children(value).length !== 1) {
        refuseExtension();
    }
}
function expectPartyName(name) {
    expectFields(name, [
        [
            constructedTag(0),
            expectDirectoryString
        ],
        [
            constructedTag(1),
            expectDirectoryString
        ]
    ]);
    if (!children(name).some(function(param) {
        var tag = param.tag;
        return tag === constructedTag(1);
    })) refuseExtension();
}
function expectDirectoryString(wrapper) {
    var text = readElement(wrapper.bytes, wrapper.start, wrapper.end);
    var isOne2 = text.tag !== 18 && text.tag !== 22 && isText(text);
    if (text.end !== wrapper.end || !isOne2) refuseExtension();
}
function expectSubtrees(subtrees) {
    children(subtrees).forEach(function(subtree) {
        var parts = subtree.tag === 48 /* SEQUENCE */ ? children(subtree) : [];
        var base = parts[0] || refuseExtension();
        expectGeneralName(base);
        var distances = Object.assign({}, subtree, {
            start: base.end
        });
        expectFields(distances, [
            [
                contextTag(0),
                expectNumber
            ],
            [
                contextTag(1),
                expectNumber
            ]
        ]);
    });
}
function expectDistributionPoint(point) {
    if (point.tag !== 48 /* SEQUENCE */) refuseExtension();
    expectFields(point, [
        [
            constructedTag(0),
            expectPointName
        ],
        [
            contextTag(1),
            expectBitString
        ],
        [
            constructedTag(2),
            expectGeneralNames
        ]
    ]);
    var isNamed = children(point).some(function(param) {
        var tag = param.tag, start = param.start, end = param.end;
        return tag === constructedTag(0) || tag === constructedTag(2) && end > start;
    });
    if (!isNamed) refuseExtension();
}
function expectPointName(wrapper) {
    var name = readElement(wrapper.bytes, wrapper.start, wrapper.end);
    if (name.end !== wrapper.end) refuseExtension();
    if (name.tag === constructedTag(1)) expectRelativeName(name);
    else expectGeneralNames(readOnly(wrapper, constructedTag(0), "an extension" /* WHAT */));
}
function expectInheritedOr(choice, item) {
    if (choice.tag === 48 /* SEQUENCE */) children(choice).forEach(item);
    else if (choice.tag !== 5 /* NULL */ || choice.end !== choice.start) refuseExtension();
}
function expectAddressBlocks(content) {
    children(sequenceIn(content)).forEach(function(family) {
        var parts = family.tag === 48 /* SEQUENCE */ ? children(family) : [];
        var _parts = _sliced_to_array(parts, 2), name = _parts[0], addresses = _parts[1];
        if (parts.length !== 2 || (name == null ? void 0 : name.tag) !== 4 /* OCTET_STRING */) refuseExtension();
        expectInheritedOr(addresses, function(block) {
            if (block.tag === 3 /* BIT_STRING */) expectBitString(block);
            else expectRange(block, 3 /* BIT_STRING */, expectBitString);
        });
    });
}
function expectSystemNumbers(wrapper) {
    var numbers = readElement(wrapper.bytes, wrapper.start, wrapper.end);
    if (numbers.end !== wrapper.end) refuseExtension();
    expectInheritedOr(numbers, function(one) {
        if (one.tag === 2 /* INTEGER */) expectNumber(one);
        else expectRange(one, 2 /* INTEGER */, expectNumber);
    });
}
function expectRange(range, tag, member) {
    var members = range.tag === 48 /* SEQUENCE */ ? children(range) : [];
    if (members.length !== 2 || members.some(function(one) {
        return one.tag !== tag;
    })) refuseExtension();
    members.forEach(member);
}
// src/x509/extension_fields.ts
/**
 * Reads the fields after the public key: two unique identifiers, which are obsolete, and the extensions (RFC 5280, 4.1.2.8 and
 * 4.1.2.9).
 *
 * @param from the offset after the public key
 * @throws malformed
 */
function readExtensionFields(inner, from) {
    var fields = {
        subjectKeyId: "",
        authorityKeyId: "",
        authorityIssuer: null,
        authoritySerial: "",
        isAuthority: false,
        altNames: null
    };
    var at = afterIdentifiers(inner, from);
    if (at === inner.end) return fields;
    var wrapper = readTagged(inner, at, constructedTag(3), "extensions");
    expectEnd(inner.end, wrapper.end, "extensions");
    var seen = {};
    children(readOnly(wrapper, 48 /* SEQUENCE */, "extensions")).forEach(function(extension) {
        var _contentOf = contentOf(extension), type = _contentOf.type, content = _contentOf.content;
        if (seen[type] && isRead(type)) refuse("malformed", "a certificate with one extension twice");
        seen[type] = true;
        expectExtension(type, content);
        readInto(fields, type, content);
    });
    return fields;
}
function afterIdentifiers(inner, from) {
    var at = from;
    for(var number = 1; number <= 2; number++){
        if (at < inner.end && inner.bytes[at] === contextTag(number)) {
            var identifier = readElement(inner.bytes, at, inner.end);
            bitString(identifier, "a unique identifier");
            at = identifier.end;
        }
    }
    return at;
}
function contentOf(extension) {
    if (extension.tag !== 48 /* SEQUENCE */) refuse("malformed", "unreadable DER: an extension expected");
    var bytes = extension.bytes;
    var type = readElement(bytes, extension.start, extension.end);
    var content = readElement(bytes, type.end, extension.end);
    if (content.tag === 1 /* BOOLEAN */ && content.end - content.start === 1) {
        content = readElement(bytes, content.end, extension.end);
    }
    if (content.tag !== 4 /* OCTET_STRING */) refuse("malformed", "unreadable extension in a certificate");
    expectEnd(extension.end, content.end, "an extension");
    return {
        type: objectIdentifier(type),
        content: content
    };
}
function readInto(fields, type, content) {
    switch(type){
        case "551d11" /* SUBJECT_ALT_NAME */:
            fields.altNames = readOnly(content, 48 /* SEQUENCE */, "subjectAltName");
            return;
        case "551d0e" /* SUBJECT_KEY_ID */:
            fields.subjectKeyId = hexOf(readOnly(content, 4 /* OCTET_STRING */, "a key identifier"));
            return;
        case "551d13" /* BASIC_CONSTRAINTS */:
            {
                var first = children(readOnly(content, 48 /* SEQUENCE */, "basicConstraints"))[0];
                fields.isAuthority = first !== void 0 && first.tag === 1 /* BOOLEAN */ && hexOf(first) !== "00" /* FALSE */;
                return;
            }
        case "551d23" /* AUTHORITY_KEY_ID */:
            children(readOnly(content, 48 /* SEQUENCE */, "an authority key identifier")).forEach(function(part) {
                if (part.tag === contextTag(0)) fields.authorityKeyId = hexOf(part);
                else if (part.tag === contextTag(2)) fields.authoritySerial = hexOf(part);
                else fields.authorityIssuer = directoryNameIn(part);
            });
    }
}
function directoryNameIn(names) {
    var name = children(names).filter(function(param) {
        var tag = param.tag;
        return tag === constructedTag(4);
    })[0];
    return name ? readOnly(name, 48 /* SEQUENCE */, "a name") : null;
}
// src/x509/pem.ts
/**
 * Splits text into its PEM blocks, in their order. The time is linear in the length of the text.
 *
 * @returns an empty list where there is no block
 * @throws malformed: the text ends within a block, as in a file half written, a block ends otherwise than it began, or there are too many
 */
function readBlocks(text) {
    var blocks = [];
    var begin = nextLine(text, "-----BEGIN " /* BEGIN */, 0);
    for(var lines = 1; begin >= 0; lines++){
        if (lines > 500 /* MOST_BLOCKS */) refuse("malformed", "over ".concat(500 /* MOST_BLOCKS */, " PEM blocks"));
        var bodyAt = endOfLine(text, begin);
        var label = labelIn(text, begin + "-----BEGIN " /* BEGIN */.length, bodyAt);
        if (label === null) {
            if (bodyAt === text.length) refuse("malformed", "a BEGIN line is not complete");
            begin = nextLine(text, "-----BEGIN " /* BEGIN */, bodyAt);
            continue;
        }
        var bodyEnd = nextLine(text, "-----" /* DASHES */, bodyAt);
        if (bodyEnd >= 0) blocks.push(blockOf(label, text.slice(bodyAt, bodyEnd)));
        begin = nextLine(text, "-----BEGIN " /* BEGIN */, afterBlock(text, label, bodyEnd));
    }
    return blocks;
}
function nextLine(text, start, from) {
    var at = text.indexOf(start, from);
    while(at >= 0 && !startsLine(text, at, from))at = text.indexOf(start, at + start.length);
    return at;
}
function startsLine(text, at, from) {
    var before = at - 1;
    while(before >= from && isBlank(text.charCodeAt(before)))before--;
    return before < from || text.charCodeAt(before) === 10;
}
function isBlank(char) {
    return char <= 32 && char !== 10 || char === 65279;
}
function endOfLine(text, at) {
    var end = text.indexOf("\n", at);
    return end < 0 ? text.length : end;
}
function labelIn(text, at, lineEnd) {
    if (lineEnd - at > 254 /* LONGEST_LINE */) return null;
    var line = text.slice(at, lineEnd).replace(/[^!-~]+$/, "");
    return line.endsWith("-----" /* DASHES */) ? line.slice(0, -"-----" /* DASHES */.length) : null;
}
function afterBlock(text, label, at) {
    if (at >= 0 && text.startsWith("-----BEGIN " /* BEGIN */, at)) return at;
    var closing = "-----END " /* END */ + label + "-----" /* DASHES */;
    if (at < 0 || !text.startsWith(closing, at)) {
        refuse("malformed", "no END line for ".concat(quote(label), ": is the file complete?"));
    }
    var after = at + closing.length;
    var next = after;
    while(next < text.length && isBlank(text.charCodeAt(next)))next++;
    var isAlone = next === text.length || text.charCodeAt(next) === 10;
    if (!isAlone && !text.startsWith("-----BEGIN " /* BEGIN */, next)) {
        refuse("malformed", "no line break after the END line of ".concat(quote(label)));
    }
    return after;
}
function blockOf(label, content) {
    if (content.indexOf(":") < 0) return {
        label: label,
        encrypted: false,
        body: content
    };
    var text = content.replace(/^\s+/, "\n");
    var blankLine = /\n[ \t\r]*\n/.exec(text);
    var headersEnd = blankLine ? blankLine.index : text.length;
    var encrypted = /\nProc-Type:\s*4,\s*ENCRYPTED/.test(text.slice(0, headersEnd));
    return {
        label: label,
        encrypted: encrypted,
        body: blankLine ? text.slice(headersEnd) : text
    };
}
/**
 * Decodes the bytes of a block.
 *
 * @throws malformed: the body is empty, or not base64 with its padding (RFC 4648, section 4)
 */
function decodeBlock(block) {
    var base64 = block.body.replace(/[\u0000-\u0020]+/g, "");
    var padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
    var digits = padding > 0 ? base64.slice(0, -padding) : base64;
    if (digits === "" || base64.length % 4 !== 0 || /[^A-Za-z0-9+/]/.test(digits)) {
        refuse("malformed", "bad base64 in ".concat(quote(block.label)));
    }
    return Buffer.from(base64, "base64");
}
/**
 * A label for a message, in lower case, so that a search of the logs for private keys finds no such message. Text that is no usual
 * label is left out: it may be anything.
 */
function quote(label) {
    return /^[A-Z0-9 .]{1,40}$/.test(label) ? '"'.concat(label.toLowerCase(), '"') : "a PEM block";
}
/** Writes a PEM block, in lines of 64 characters, each of which ends in LF. */
function encodeBlock(label, bytes) {
    var base64 = bytes.toString("base64");
    var text = "".concat("-----BEGIN " /* BEGIN */).concat(label).concat("-----" /* DASHES */, "\n");
    for(var at = 0; at < base64.length; at += 64 /* LINE */)text += base64.slice(at, at + 64 /* LINE */) + "\n";
    return "".concat(text).concat("-----END " /* END */).concat(label).concat("-----" /* DASHES */, "\n");
}
// src/x509/ec_point.ts
var FIELDS = {
    "P-256": {
        identifier: "2a8648ce3d030107",
        bits: 256,
        p: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        a: "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
        b: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"
    },
    "P-384": {
        identifier: "2b81040022",
        bits: 384,
        p: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
        a: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffc",
        b: "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef"
    },
    "P-521": {
        identifier: "2b81040023",
        bits: 521,
        p: "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        a: "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc",
        b: "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00"
    },
    brainpoolP256r1: {
        identifier: "2b2403030208010107",
        bits: 256,
        p: "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
        a: "7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
        b: "26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6"
    },
    brainpoolP384r1: {
        identifier: "2b240303020801010b",
        bits: 384,
        p: "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53",
        a: "7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826",
        b: "04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11"
    },
    brainpoolP512r1: {
        identifier: "2b240303020801010d",
        bits: 512,
        p: "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
        a: "7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca",
        b: "3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94cadc083e67984050b75ebae5dd2809bd638016f723"
    }
};
/**
 * Finds a curve by its object identifier.
 *
 * @param identifier in lower-case hex
 * @returns null where TLS servers do not use it
 */
function curveOf(identifier) {
    var _a;
    var found = Object.keys(FIELDS).filter(function(curve) {
        return FIELDS[curve].identifier === identifier;
    });
    return (_a = found[0]) != null ? _a : null;
}
/** The object identifier of a curve, in hex. */
function identifierOf(curve) {
    return FIELDS[curve].identifier;
}
/** The length in bits of a curve's field. */
function fieldBits(curve) {
    return FIELDS[curve].bits;
}
/** The length of a coordinate, and so of a private key, in bytes. */
function fieldBytes(curve) {
    return Math.ceil(FIELDS[curve].bits / 8);
}
/** Whether a curve is one of NIST's, which alone njs's WebCrypto has. */
function isNist(curve) {
    return curve.charAt(1) === "-";
}
/**
 * Whether (x, y) is a point of the curve.
 *
 * @param x in hex, of the curve's full length
 * @param y likewise
 */
function isOnCurve(curve, x, y) {
    var p = limbsOf(FIELDS[curve].p);
    var root = limbsOf(y);
    var square = squareOfY(curve, p, limbsOf(x));
    if (square === null || compare(root, p) >= 0) return false;
    return compare(remainder(product(root, root), p), square) === 0;
}
/**
 * Whether the curve has points with this x. A compressed point (SEC 1, 2.3.4) is one of them.
 *
 * @param x in hex, of the curve's full length
 */
function hasPointAt(curve, x) {
    var p = limbsOf(FIELDS[curve].p);
    var square = squareOfY(curve, p, limbsOf(x));
    return square !== null && isSquare(square, p);
}
function squareOfY(curve, p, x) {
    if (compare(x, p) >= 0) return null;
    var _FIELDS_curve = FIELDS[curve], a = _FIELDS_curve.a, b = _FIELDS_curve.b;
    var factor = remainder(sum(product(x, x), limbsOf(a)), p);
    return remainder(sum(product(factor, x), limbsOf(b)), p);
}
function isSquare(number, prime) {
    var a = number;
    var n = prime;
    var isNegative = false;
    while(a.length > 0){
        var zeros = trailingZeros(a);
        var eighth = n[0] % 8;
        if (zeros % 2 === 1 && (eighth === 3 || eighth === 5)) isNegative = !isNegative;
        a = shiftRight(a, zeros);
        if (compare(a, n) < 0) {
            if (a[0] % 4 === 3 && n[0] % 4 === 3) isNegative = !isNegative;
            var larger = n;
            n = a;
            a = larger;
        }
        a = difference(a, n);
    }
    return !isOne(n) || !isNegative;
}
// src/x509/public_key.ts
var BARE_KINDS = {
    "2b6570": "Ed25519",
    "2b6571": "Ed448",
    "608648016503040311": "ML-DSA-44",
    "608648016503040312": "ML-DSA-65",
    "608648016503040313": "ML-DSA-87"
};
var PUBLIC_BYTES = {
    Ed25519: 32,
    Ed448: 57,
    "ML-DSA-44": 1312,
    "ML-DSA-65": 1952,
    "ML-DSA-87": 2592
};
var SHORT_CURVES = /^(2b810400(0[6-9]|1c|1d|1e|1f)|2a8648ce3d03010[123]|2b240303020801010[1-4])$/;
var PSS_HASHES = {
    "608648016503040201": 32,
    "608648016503040202": 48,
    "608648016503040203": 64
};
/**
 * Reads the AlgorithmIdentifier of a public or private key.
 *
 * @param whose the name of the key in a refusal, such as "the private key"
 * @throws unsupported-key, weak (a short curve), malformed
 */
function readKeyAlgorithm(algorithm2, whose) {
    var name = readTagged(algorithm2, algorithm2.start, 6 /* OBJECT_IDENTIFIER */, "an algorithm");
    var parameters = name.end < algorithm2.end ? readElement(algorithm2.bytes, name.end, algorithm2.end) : null;
    if (parameters !== null) expectEnd(algorithm2.end, parameters.end, "the parameters of a key");
    var identifier = objectIdentifier(name);
    var bare = BARE_KINDS[identifier];
    if (bare !== void 0) {
        if (parameters !== null) refuse("malformed", "".concat(whose, ": an ").concat(bare, " key with parameters"));
        return {
            kind: bare,
            curve: null,
            restrictions: ""
        };
    }
    switch(identifier){
        case "2a864886f70d010101" /* RSA_ENCRYPTION */:
            if (parameters !== null && hexOfWhole(parameters) !== "0500") {
                refuse("malformed", "".concat(whose, ": an RSA key with parameters"));
            }
            return {
                kind: "RSA",
                curve: null,
                restrictions: ""
            };
        case "2a864886f70d01010a" /* RSASSA_PSS */:
            return {
                kind: "RSA-PSS",
                curve: null,
                restrictions: readRestrictions(parameters, whose)
            };
        case "2a8648ce3d0201" /* EC_PUBLIC_KEY */:
            return {
                kind: "EC",
                curve: readCurve(parameters, whose),
                restrictions: ""
            };
        default:
            return refuse("unsupported-key", "".concat(whose, ": neither RSA, ECDSA, Ed25519, Ed448 nor ML-DSA; make a key of one of these"));
    }
}
function readRestrictions(parameters, whose) {
    if (parameters === null) return "";
    var pss = readPss(parameters);
    if (pss === null || pss.salt > pss.digest) {
        refuse("unsupported-key", "".concat(whose, ": an RSA-PSS key for other signatures than TLS makes"));
    }
    return hexOfWhole(parameters);
}
/**
 * Reads the parameters of an EC key, which must name a curve of ec_point.ts. OpenSSL loads keys on other curves too, but by default no
 * client negotiates them in a handshake.
 *
 * @throws unsupported-key, weak, malformed
 */
function readCurve(parameters, whose) {
    if ((parameters == null ? void 0 : parameters.tag) !== 6 /* OBJECT_IDENTIFIER */) {
        return refuse("unsupported-key", "".concat(whose, ": an EC key without a named curve; use P-256"));
    }
    var identifier = objectIdentifier(parameters);
    var curve = curveOf(identifier);
    if (curve !== null) return curve;
    if (SHORT_CURVES.test(identifier)) {
        return refuse("weak", "".concat(whose, ": an EC curve under 224 bits; use P-256"));
    }
    return refuse("unsupported-key", "".concat(whose, ": an EC curve that TLS clients do not use; use P-256"));
}
/**
 * Reads RSA-PSS parameters (RFC 4055, section 3.1) that name one of the hash functions of TLS, and the same one for the mask.
 *
 * @returns the lengths of a digest and of the salt in bytes; null for any other parameters
 * @throws malformed
 */
function readPss(parameters) {
    if (parameters.tag !== 48 /* SEQUENCE */ || parameters.start === parameters.end) return null;
    var hash2 = readElement(parameters.bytes, parameters.start, parameters.end);
    if (hash2.tag !== constructedTag(0) || hash2.end === parameters.end) return null;
    var mask = readElement(parameters.bytes, hash2.end, parameters.end);
    if (mask.tag !== constructedTag(1)) return null;
    var maskAlgorithm = readOnly(mask, 48 /* SEQUENCE */, "a mask function");
    var maskName = readTagged(maskAlgorithm, maskAlgorithm.start, 6 /* OBJECT_IDENTIFIER */, "its name");
    var maskHash = readTagged(maskAlgorithm, maskName.end, 48 /* SEQUENCE */, "its hash function");
    expectEnd(maskAlgorithm.end, maskHash.end, "a mask function");
    var salt = "14" /* DEFAULT_SALT */;
    if (mask.end < parameters.end) {
        var wrapped = readTagged(parameters, mask.end, constructedTag(2), "a salt length");
        expectEnd(parameters.end, wrapped.end, "RSA-PSS parameters");
        var length = readOnly(wrapped, 2 /* INTEGER */, "a salt length");
        expectInteger(length, "a salt length");
        salt = hexOf(length);
    }
    var name = hashName(readOnly(hash2, 48 /* SEQUENCE */, "a hash function"));
    var digest = PSS_HASHES[name];
    var isUsual = objectIdentifier(maskName) === "2a864886f70d010108" /* MGF1 */ && hashName(maskHash) === name && /^[0-7].{1,3}$/.test(salt);
    return digest !== void 0 && isUsual ? {
        digest: digest,
        salt: parseInt(salt, 16)
    } : null;
}
function hashName(algorithm2) {
    var name = readTagged(algorithm2, algorithm2.start, 6 /* OBJECT_IDENTIFIER */, "a hash function");
    if (name.end < algorithm2.end) {
        var none2 = readTagged(algorithm2, name.end, 5 /* NULL */, "NULL");
        expectEnd(algorithm2.end, none2.end, "a hash function");
        if (none2.start !== none2.end) refuse("malformed", "unreadable DER: a NULL that is not empty");
    }
    return objectIdentifier(name);
}
/**
 * Reads a SubjectPublicKeyInfo.
 *
 * @param whose the name of its certificate in a refusal, such as "certificate 1"
 * @throws malformed, unsupported-key, weak (a short curve). `expectStrength` checks the length of an RSA key, `expectPoint` a point
 */
function readPublicKey(info, whose) {
    var algorithm2 = readTagged(info, info.start, 48 /* SEQUENCE */, "a key algorithm");
    var key = readTagged(info, algorithm2.end, 3 /* BIT_STRING */, "a public key");
    expectEnd(info.end, key.end, "a public key");
    var _readKeyAlgorithm = readKeyAlgorithm(algorithm2, whose), kind = _readKeyAlgorithm.kind, curve = _readKeyAlgorithm.curve, restrictions = _readKeyAlgorithm.restrictions;
    if (kind === "RSA" || kind === "RSA-PSS") {
        if (key.bytes[key.start] !== 0) refuse("malformed", "".concat(whose, ": an unreadable RSA key"));
        var numbers = readTagged(key, key.start + 1, 48 /* SEQUENCE */, "an RSA key");
        expectEnd(key.end, numbers.end, "an RSA key");
        var modulus = readTagged(numbers, numbers.start, 2 /* INTEGER */, "an RSA modulus");
        var exponent = readTagged(numbers, modulus.end, 2 /* INTEGER */, "an RSA exponent");
        expectEnd(numbers.end, exponent.end, "an RSA key");
        var value2 = rsaValue(modulus, exponent);
        return {
            kind: kind,
            curve: curve,
            restrictions: restrictions,
            value: value2,
            bits: rsaBits(value2, whose)
        };
    }
    var value = bitString(key, "a public key");
    var bits = expectLength(kind, curve, value, whose);
    return {
        kind: kind,
        curve: curve,
        restrictions: restrictions,
        value: value,
        bits: bits
    };
}
/** The public part of an RSA key in the form of `PublicKey.value`. */
function rsaValue(modulus, exponent) {
    return "".concat(positiveInteger(modulus, "an RSA modulus"), ",").concat(positiveInteger(exponent, "an RSA exponent"));
}
function rsaBits(value, whose) {
    var comma = value.indexOf(",");
    var bits = (comma - 2) * 4 + parseInt(value.slice(0, 2), 16).toString(2).length;
    var exponent = value.slice(comma + 1);
    if (!isOdd(value.slice(0, comma)) || !isOdd(exponent) || exponent === "01") {
        refuse("malformed", "".concat(whose, ": not an RSA key: modulus and exponent must be odd"));
    }
    if (bits > 16384 /* LONGEST_RSA_BITS */) {
        refuse("unsupported-key", "".concat(whose, ": an RSA key over ").concat(16384 /* LONGEST_RSA_BITS */, " bits"));
    }
    return bits;
}
function isOdd(hex) {
    return "13579bdf".indexOf(hex.slice(-1)) >= 0;
}
function expectLength(kind, curve, value, whose) {
    if (curve !== null) {
        var length2 = fieldBytes(curve) * 2;
        var form = value.slice(0, 2);
        var isPoint = form === "04" && value.length === 2 + 2 * length2 || (form === "02" || form === "03") && value.length === 2 + length2;
        if (!isPoint) refuse("malformed", "".concat(whose, ": not a point of ").concat(curve));
        return fieldBits(curve);
    }
    var length = PUBLIC_BYTES[kind];
    if (value.length !== 2 * length) refuse("malformed", "".concat(whose, ": not an ").concat(kind, " key"));
    return length * 8;
}
/**
 * Checks that an EC key is a point of its curve, as OpenSSL does when it reads a certificate. Other keys pass.
 *
 * @param whose the name of the key's certificate in a refusal
 * @throws malformed
 */
function expectPoint(key, whose) {
    var curve = key.curve, value = key.value;
    if (curve === null) return;
    var isCompressed = value.slice(0, 2) !== "04";
    var x = value.slice(2, 2 + fieldBytes(curve) * 2);
    var isPoint = isCompressed ? hasPointAt(curve, x) : isOnCurve(curve, x, value.slice(2 + x.length));
    if (!isPoint) refuse("malformed", "".concat(whose, ": not a point of ").concat(curve));
}
/**
 * Whether two public keys are equal. Where the EC point is compressed in one of them, x and the parity of y are compared, which is
 * enough for points on the curve.
 */
function isSameKey(a, b) {
    if (a.kind !== b.kind || a.curve !== b.curve || a.restrictions !== b.restrictions) return false;
    if (a.value.length === b.value.length || a.curve === null) return a.value === b.value;
    return a.value.length < b.value.length ? a.value === compressedPoint(b.value) : compressedPoint(a.value) === b.value;
}
function compressedPoint(point) {
    return (isOdd(point) ? "03" : "02") + point.slice(2, 1 + point.length / 2);
}
// src/x509/certificate.ts
var CERTIFICATE_LABELS = [
    "CERTIFICATE",
    "X509 CERTIFICATE",
    "TRUSTED CERTIFICATE"
];
var DNS_NAME = contextTag(2);
var SERVER_NAME = /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
/** Whether a PEM label is one of those that OpenSSL reads a certificate from. */
function isCertificateLabel(label) {
    return CERTIFICATE_LABELS.indexOf(label) >= 0;
}
/**
 * Reads the certificate in a PEM block.
 *
 * @param whose the name of the certificate in a refusal, such as "certificate 2"
 * @throws malformed, unsupported-key, weak (an EC key on a short curve)
 */
function readCertificate(block, whose) {
    return parseCertificate(certificateIn(block), whose);
}
/**
 * The bytes of the certificate in a PEM block. What follows it is cut off: the trust settings (X509_CERT_AUX) that OpenSSL appends for its own
 * tools are not sent to clients, and in a chain OpenSSL ignores all that follows.
 *
 * @throws malformed
 */
function certificateIn(block) {
    var der = decodeBlock(block);
    return der.slice(0, readElement(der, 0, der.length).end);
}
/**
 * Reads the first certificate in PEM text, such as that of a record.
 *
 * @throws malformed, unsupported-key, weak (an EC key on a short curve)
 */
function readLeaf(pem) {
    var blocks = readBlocks(pem);
    for(var i = 0; i < blocks.length; i++){
        var block = blocks[i];
        if (isCertificateLabel(block.label)) return readCertificate(block, "certificate 1");
    }
    return refuse("malformed", "no certificate");
}
function fieldsOf(inner) {
    var serial = afterVersion(inner);
    var algorithm2 = readTagged(inner, serial.end, 48 /* SEQUENCE */, "a signature algorithm");
    var issuer = readTagged(inner, algorithm2.end, 48 /* SEQUENCE */, "an issuer");
    var validity = readTagged(inner, issuer.end, 48 /* SEQUENCE */, "a validity");
    var subject = readTagged(inner, validity.end, 48 /* SEQUENCE */, "a subject");
    var publicKeyInfo2 = readTagged(inner, subject.end, 48 /* SEQUENCE */, "a public key");
    return {
        serial: serial,
        algorithm: algorithm2,
        issuer: issuer,
        validity: validity,
        subject: subject,
        publicKeyInfo: publicKeyInfo2
    };
}
/**
 * The subject of a certificate that is read no further, in the form of `comparableName`.
 *
 * @throws malformed
 */
function comparableSubject(der) {
    var outer = readWhole(der, 48 /* SEQUENCE */, "a certificate");
    var subject = fieldsOf(readTagged(outer, outer.start, 48 /* SEQUENCE */, "a certificate")).subject;
    expectName(subject);
    return comparableName(subject);
}
function parseCertificate(der, whose) {
    var outer = readWhole(der, 48 /* SEQUENCE */, "a certificate");
    var inner = readTagged(outer, outer.start, 48 /* SEQUENCE */, "a certificate");
    var signatureAlgorithm = readTagged(outer, inner.end, 48 /* SEQUENCE */, "a signature algorithm");
    var signature = readTagged(outer, signatureAlgorithm.end, 3 /* BIT_STRING */, "a signature");
    expectEnd(outer.end, signature.end, "a signature");
    bitString(signature, "a signature");
    var _fieldsOf = fieldsOf(inner), serial = _fieldsOf.serial, algorithm2 = _fieldsOf.algorithm, issuer = _fieldsOf.issuer, validity = _fieldsOf.validity, subject = _fieldsOf.subject, publicKeyInfo2 = _fieldsOf.publicKeyInfo;
    expectInteger(serial, "a serial number");
    expectAlgorithm(signatureAlgorithm);
    if (hexOf(algorithm2) !== hexOf(signatureAlgorithm)) {
        refuse("malformed", "".concat(whose, " has two different signature algorithms"));
    }
    expectName(issuer);
    expectName(subject);
    var publicKey = readPublicKey(publicKeyInfo2, whose);
    var extensions = readExtensionFields(inner, publicKeyInfo2.end);
    return Object.assign({}, extensions, readValidity(validity), {
        der: der,
        serial: serial,
        issuer: issuer,
        subject: subject,
        signatureAlgorithm: signatureAlgorithm,
        publicKey: publicKey,
        publicKeyInfo: publicKeyInfo2,
        names: serverNames(extensions.altNames, subject)
    });
}
function readValidity(validity) {
    var notBefore = readElement(validity.bytes, validity.start, validity.end);
    var notAfter = readElement(validity.bytes, notBefore.end, validity.end);
    expectEnd(validity.end, notAfter.end, "a validity");
    return {
        notBefore: readTime(notBefore, "notBefore"),
        notAfter: readTime(notAfter, "notAfter")
    };
}
function afterVersion(inner) {
    var first = readElement(inner.bytes, inner.start, inner.end);
    if (first.tag !== constructedTag(0)) return first;
    var version = hexOf(first);
    if (version !== "020100" && version !== "020101" && version !== "020102") {
        refuse("malformed", "a certificate of an unknown version");
    }
    return readElement(inner.bytes, first.end, inner.end);
}
function expectAlgorithm(algorithm2) {
    var name = readElement(algorithm2.bytes, algorithm2.start, algorithm2.end);
    objectIdentifier(name);
    if (name.end < algorithm2.end) {
        var parameters = readElement(algorithm2.bytes, name.end, algorithm2.end);
        expectEnd(algorithm2.end, parameters.end, "a signature algorithm");
    }
}
function serverNames(altNames, subject) {
    var names = dnsNames({
        altNames: altNames
    });
    if (names.length > 0) return names.map(canonicalName);
    return commonNames(subject).map(canonicalName).filter(function(name) {
        return name.length <= 253 /* LONGEST_NAME */ && SERVER_NAME.test(name);
    });
}
/** The dNSNames of the subjectAltName (RFC 5280, 4.2.1.6) as they are written. */
function dnsNames(param) {
    var altNames = param.altNames;
    if (altNames === null) return [];
    return children(altNames).filter(function(name) {
        return name.tag === DNS_NAME;
    }).map(utf8Of);
}
function commonNames(subject) {
    var names = [];
    children(subject).forEach(function(set) {
        children(set).forEach(function(attribute) {
            var type = readTagged(attribute, attribute.start, 6 /* OBJECT_IDENTIFIER */, "an attribute");
            var value = readElement(attribute.bytes, type.end, attribute.end);
            if (hexOf(type) === "550403" /* COMMON_NAME */) names.push(textOf(value) || "");
        });
    });
    return names;
}
function canonicalName(name) {
    return name.toLowerCase().replace(/\.$/, "");
}
/**
 * Whether a certificate covers a server name (RFC 9525, section 6.3): it has the name itself, or a wildcard for the whole first
 * label. `*.com` covers nothing, because clients accept no wildcard of a top-level domain.
 *
 * @param name in lower case, without a trailing dot; a wildcard such as `*.example.com` is covered by the same wildcard only
 */
function covers(certificate, name) {
    if (certificate.names.indexOf(name) >= 0) return true;
    var dot = name.indexOf(".");
    var parent = name.slice(dot + 1);
    return dot > 0 && name.charAt(0) !== "*" && parent.indexOf(".") > 0 && certificate.names.indexOf("*." + parent) >= 0;
}
/**
 * Whether a certificate has expired.
 *
 * @param nowSeconds seconds since 1970
 */
function isExpired(certificate, nowSeconds) {
    return nowSeconds > certificate.notAfter;
}
/**
 * Whether a certificate is valid.
 *
 * @param nowSeconds seconds since 1970
 */
function isValidAt(param, nowSeconds) {
    var notBefore = param.notBefore, notAfter = param.notAfter;
    return notBefore <= nowSeconds && nowSeconds <= notAfter;
}
// src/x509/signature.ts
var SIGNATURES = {
    "2a864886f70d01010b": "sha256WithRSAEncryption",
    "2a864886f70d01010c": "sha384WithRSAEncryption",
    "2a864886f70d01010d": "sha512WithRSAEncryption",
    "2a864886f70d01010e": "sha224WithRSAEncryption",
    "2a8648ce3d040301": "ecdsa-with-SHA224",
    "2a8648ce3d040302": "ecdsa-with-SHA256",
    "2a8648ce3d040303": "ecdsa-with-SHA384",
    "2a8648ce3d040304": "ecdsa-with-SHA512",
    "2b6570": "ED25519",
    "2b6571": "ED448",
    "2a864886f70d01010f": "sha512-224WithRSAEncryption",
    "2a864886f70d010110": "sha512-256WithRSAEncryption",
    "608648016503040309": "ecdsa_with_SHA3-224",
    "60864801650304030a": "ecdsa_with_SHA3-256",
    "60864801650304030b": "ecdsa_with_SHA3-384",
    "60864801650304030c": "ecdsa_with_SHA3-512",
    "60864801650304030d": "RSA-SHA3-224",
    "60864801650304030e": "RSA-SHA3-256",
    "60864801650304030f": "RSA-SHA3-384",
    "608648016503040310": "RSA-SHA3-512",
    "608648016503040311": "ML-DSA-44",
    "608648016503040312": "ML-DSA-65",
    "608648016503040313": "ML-DSA-87"
};
var WEAK_SIGNATURES = {
    "2a864886f70d010102": "md2WithRSAEncryption",
    "2a864886f70d010103": "md4WithRSAEncryption",
    "2a864886f70d010104": "md5WithRSAEncryption",
    "2a864886f70d010105": "sha1WithRSAEncryption",
    "2a8648ce3d0401": "ecdsa-with-SHA1"
};
/**
 * Names a certificate's signature algorithm as OpenSSL prints it, and tells whether OpenSSL accepts it at security level 2. An
 * unknown algorithm is named by its identifier in hex, and counts as weak: OpenSSL cannot rate it either.
 *
 * @throws malformed: the parameters of RSA-PSS are unreadable
 */
function signatureOf(certificate) {
    var algorithm2 = certificate.signatureAlgorithm;
    var type = readTagged(algorithm2, algorithm2.start, 6 /* OBJECT_IDENTIFIER */, "an algorithm");
    var identifier = hexOf(type);
    if (identifier === "2a864886f70d01010a" /* RSASSA_PSS */) {
        var isStrong = type.end < algorithm2.end && readPss(readElement(algorithm2.bytes, type.end, algorithm2.end)) !== null;
        return {
            name: "rsassaPss",
            isStrong: isStrong
        };
    }
    var name = SIGNATURES[identifier];
    if (name !== void 0) return {
        name: name,
        isStrong: true
    };
    return {
        name: WEAK_SIGNATURES[identifier] || identifier,
        isStrong: false
    };
}
/**
 * Refuses a certificate that is too weak for OpenSSL. The signature of a self-signed certificate does not count: no client checks it.
 *
 * @param whose the name of the certificate in a refusal, such as "certificate 2"
 * @throws weak
 */
function expectStrength(certificate, whose) {
    var _certificate_publicKey = certificate.publicKey, kind = _certificate_publicKey.kind, bits = _certificate_publicKey.bits;
    if ((kind === "RSA" || kind === "RSA-PSS") && bits < 2047 /* WEAKEST_RSA_BITS */) {
        refuse("weak", "".concat(whose, " has an RSA key of ").concat(bits, " bits; ").concat(2047 /* WEAKEST_RSA_BITS */, " are needed"));
    }
    var _signatureOf = signatureOf(certificate), name = _signatureOf.name, isStrong = _signatureOf.isStrong;
    if (!isStrong && !(isSelfSigned(certificate) && isByKind(name, kind))) {
        refuse("weak", "".concat(whose, " is signed with ").concat(name, ", which clients refuse; have it issued again"));
    }
}
function isByKind(signature, kind) {
    if (/WithRSA/.test(signature)) return kind === "RSA";
    if (signature === "rsassaPss") return kind === "RSA" || kind === "RSA-PSS";
    return signature === "ecdsa-with-SHA1" && kind === "EC";
}
/**
 * Whether a certificate is its own issuer, by its names and its authority key identifier, as OpenSSL has it (X509_check_akid). The signature
 * is not checked.
 */
function isSelfSigned(certificate) {
    return comparableName(certificate.issuer) === comparableName(certificate.subject) && hasKeyOf(certificate, certificate) && namesSerialOf(certificate, certificate);
}
/**
 * Whether the key identifiers of a certificate and of an issuer agree, or one is missing. They tell which key signed where an authority has
 * several under one name.
 */
function hasKeyOf(param, param1) {
    var authorityKeyId = param.authorityKeyId, subjectKeyId = param1.subjectKeyId;
    return authorityKeyId === "" || subjectKeyId === "" || authorityKeyId === subjectKeyId;
}
/** Whether the serial number and the issuer in a certificate's authority key identifier are those of an issuer, or are left out. */
function namesSerialOf(issued, issuer) {
    var authoritySerial = issued.authoritySerial, authorityIssuer = issued.authorityIssuer;
    return (authoritySerial === "" || authoritySerial === hexOf(issuer.serial)) && (authorityIssuer === null || comparableName(authorityIssuer) === comparableName(issuer.issuer));
}
// src/x509/description.ts
var ATTRIBUTES = {
    "550403": "CN",
    "550404": "SN",
    "550405": "serialNumber",
    "550406": "C",
    "550407": "L",
    "550408": "ST",
    "550409": "street",
    "55040a": "O",
    "55040b": "OU",
    "55040c": "title",
    "55040f": "businessCategory",
    "550411": "postalCode",
    "55042a": "GN",
    "550461": "organizationIdentifier",
    "0992268993f22c640101": "UID",
    "0992268993f22c640119": "DC",
    "2a864886f70d010901": "emailAddress",
    "2b0601040182373c020101": "jurisdictionL",
    "2b0601040182373c020102": "jurisdictionST",
    "2b0601040182373c020103": "jurisdictionC"
};
var IP_ADDRESS = contextTag(7);
/** The SHA-256 of the whole certificate in lower-case hex. */
function fingerprintOf(certificate) {
    return hash.createHash("sha256").update(certificate.der).digest("hex");
}
/** A Name for a message, or its beginning. */
function nameText(name) {
    var text = distinguishedName(name);
    return text.length > 100 /* LONGEST_NAME2 */ ? "".concat(text.slice(0, 100 /* LONGEST_NAME2 */), "...") : text;
}
function distinguishedName(name) {
    return children(name).map(function(set) {
        return children(set).map(attributeOf).reverse().join("+");
    }).reverse().join(",");
}
function attributeOf(attribute) {
    var parts = children(attribute);
    var type = parts[0];
    var value = parts[1];
    var name = ATTRIBUTES[hexOf(type)];
    var text = textOf(value);
    if (name === void 0 || text === null) {
        return "".concat(name || dottedForm(hexOf(type)), "=#").concat(hexOfWhole(value).toUpperCase());
    }
    var escaped2 = text.replace(/[,+"\\<>;]/g, "\\$&").replace(/^[ #]| $/g, "\\$&").replace(/[\u0000-\u001f\u007f]/g, function(char) {
        return "\\" + hexByte(char.charCodeAt(0)).toUpperCase();
    });
    return "".concat(name, "=").concat(escaped2);
}
function hexByte(byte) {
    return (byte < 16 ? "0" : "") + byte.toString(16);
}
/** The iPAddresses of the subjectAltName, IPv6 in the form of RFC 5952. */
function ipAddresses(certificate) {
    if (certificate.altNames === null) return [];
    return children(certificate.altNames).filter(function(name) {
        return name.tag === IP_ADDRESS;
    }).map(ipAddressOf);
}
function ipAddressOf(address) {
    var groups = [];
    var isV4 = address.end - address.start === 4;
    var width = isV4 ? 1 : 2;
    for(var at = address.start; at + width <= address.end; at += width){
        groups.push(address.bytes.readUIntBE(at, width).toString(isV4 ? 10 : 16));
    }
    return isV4 ? groups.join(".") : withShortenedZeros(groups.join(":"));
}
function withShortenedZeros(address) {
    for(var run = 8; run > 1; run--){
        var zeros = new RegExp("(^|:)0(:0){".concat(run - 1, "}(:|$)"));
        if (zeros.test(address)) return address.replace(zeros, "::");
    }
    return address;
}
// src/x509/chain.ts
function faultsIn(faults) {
    return Object.keys(faults).map(function(number) {
        return faults[+number];
    });
}
var issuers = [];
function readIssuer(param) {
    var block = param.block, number = param.number;
    var known = issuers.filter(function(issuer) {
        return issuer.block.body === block.body && issuer.block.label === block.label;
    })[0];
    if (known) return known.certificate;
    var whose = "certificate ".concat(number);
    var certificate = readCertificate(block, whose);
    expectStrength(certificate, whose);
    expectPoint(certificate.publicKey, whose);
    issuers = [
        {
            block: block,
            certificate: certificate
        }
    ].concat(issuers).slice(0, 8 /* MOST_ISSUERS */);
    return certificate;
}
/**
 * Builds the chain above a leaf. Signatures are not checked.
 *
 * @param candidates the other certificates, in the order of their file. The work grows with the square of their number
 * @param now the time by which valid ones come first, in seconds since 1970; undefined where the order of the file decides alone
 * @throws bad-chain where none of the candidates is the leaf's issuer; the reason where its only issuer cannot be used
 */
function buildChain(leaf, candidates, now) {
    var _poolOf = poolOf(leaf, candidates), pool = _poolOf.pool, faults = _poolOf.faults;
    var unusable = {};
    var certificates = [
        leaf
    ];
    var numbers = [];
    var size = leaf.der.length;
    function addIssuers(issued, depth) {
        inOrder(issued, issuersOf(issued, pool, unusable), now).forEach(function(param) {
            var number = param.number, certificate = param.certificate;
            if (numbers.indexOf(number) >= 0) return;
            var isFull = certificates.length === 10 /* LONGEST_CHAIN */ || size + certificate.der.length > 102300 /* LARGEST_CHAIN */;
            if (isFull && depth === certificates.length) refuseLong();
            if (isFull) return;
            certificates.push(certificate);
            numbers.push(number);
            size += certificate.der.length;
            addIssuers(certificate, depth + 1);
        });
    }
    if (size > 102300 /* LARGEST_CHAIN */) refuseLong();
    addIssuers(leaf, 1);
    var hasIssuer = numbers.length > 0 || isSelfSigned(leaf);
    if (!hasIssuer) expectAlone(leaf, pool, faultsIn(unusable).concat(faults));
    return {
        certificates: certificates,
        numbers: numbers,
        leftOut: candidates.map(function(param) {
            var number = param.number;
            return number;
        }).filter(function(number) {
            return numbers.indexOf(number) < 0 && !unusable[number];
        }),
        faults: faultsIn(unusable).map(function(param) {
            var message = param.message;
            return message;
        }),
        hasIssuer: hasIssuer
    };
}
function poolOf(leaf, candidates) {
    var seen = _define_property({}, leaf.der.toString("base64"), true);
    var pool = [];
    var faults = [];
    candidates.forEach(function(param) {
        var block = param.block, number = param.number;
        try {
            var der = certificateIn(block);
            var text = der.toString("base64");
            if (seen[text]) return;
            seen[text] = true;
            pool.push({
                block: block,
                number: number,
                der: der,
                subject: comparableSubject(der)
            });
        } catch (e) {
            if (!isRefusal(e)) throw e;
            faults.push(e);
        }
    });
    return {
        pool: pool,
        faults: faults
    };
}
function issuersOf(issued, pool, unusable) {
    if (isSelfSigned(issued)) return [];
    var name = comparableName(issued.issuer);
    var found = [];
    pool.forEach(function(one) {
        if (one.subject !== name || one.certificate === null) return;
        try {
            one.certificate = one.certificate || readIssuer(one);
        } catch (e) {
            if (!isRefusal(e)) throw e;
            one.certificate = null;
            unusable[one.number] = e;
            return;
        }
        if (hasKeyOf(issued, one.certificate)) {
            found.push({
                number: one.number,
                certificate: one.certificate
            });
        }
    });
    return found;
}
function inOrder(issued, found, now) {
    var rankOf = function rankOf(param) {
        var certificate = param.certificate;
        var isUntimely = now !== void 0 && !isValidAt(certificate, now);
        return (isUntimely ? 2 : 0) + (namesSerialOf(issued, certificate) ? 0 : 1);
    };
    return [
        0,
        1,
        2,
        3
    ].reduce(function(all, rank) {
        return all.concat(found.filter(function(one) {
            return rankOf(one) === rank;
        }));
    }, []);
}
function expectAlone(leaf, pool, faults) {
    var fault = faults[0];
    if (fault) throw fault;
    if (pool.length === 0) return;
    var name = comparableName(leaf.issuer);
    var namesake = pool.filter(function(param) {
        var subject = param.subject;
        return subject === name;
    })[0];
    if (namesake) {
        refuse("bad-chain", "certificate ".concat(namesake.number, " has the issuer's name, but not the key that signed"));
    }
    refuse("bad-chain", "none of the other certificates is the issuer, ".concat(nameText(leaf.issuer)));
}
function refuseLong() {
    return refuse("bad-chain", "a chain of over ".concat(10 /* LONGEST_CHAIN */, " certificates, or over 100 KiB"));
}
// src/x509/rsa_numbers.ts
/**
 * Checks the lengths of the numbers, and, where that does not take long, n = pq, e·d = 1 modulo p - 1 and q - 1, e·dP = 1 modulo
 * p - 1, e·dQ = 1 modulo q - 1, and q·qInv = 1 modulo p. Whether p and q are primes is not checked: damage does not leave n = pq.
 *
 * @param numbers n, e, d, p, q, dP, dQ and qInv, each in hex of whole bytes without zero bytes before it
 * @throws malformed
 */
function expectOneKey(numbers) {
    var longest = bitsOf(numbers[0]);
    if (numbers.some(function(number) {
        return bitsOf(number) > longest;
    })) {
        refuse("malformed", "an RSA private key with a number longer than its modulus");
    }
    var isUsual = longest <= 3072 /* SMALL_MODULUS_BITS */ || bitsOf(numbers[1]) <= 64 /* SMALL_EXPONENT_BITS */;
    if (longest > 8192 /* LONGEST_BITS */ || !isUsual) return;
    var all = numbers.map(limbsOf);
    var _all = _sliced_to_array(all, 8), n = _all[0], p = _all[3], q = _all[4], qInv = _all[7];
    var isOneKey = !isOne(p) && !isOne(q) && compare(product(p, q), n) === 0 && isOne(remainder(product(q, qInv), p)) && areExponents(all);
    if (!isOneKey) {
        refuse("malformed", "the numbers of the RSA private key do not belong together: it is damaged");
    }
}
function areExponents(numbers) {
    var _numbers = _sliced_to_array(numbers, 7), n = _numbers[0], e = _numbers[1], d = _numbers[2], p = _numbers[3], q = _numbers[4], dP = _numbers[5], dQ = _numbers[6];
    var _ref = [
        difference(p, [
            1
        ]),
        difference(q, [
            1
        ])
    ], pLess1 = _ref[0], qLess1 = _ref[1];
    var order = difference(difference(n, p), qLess1);
    var undoes = function undoes(exponent, modulus) {
        return isOne(remainder(product(e, exponent), modulus));
    };
    if (!undoes(dP, pLess1) || !undoes(dQ, qLess1)) return false;
    var divisor = divisorOf(remainder(difference(product(e, d), [
        1
    ]), order), order);
    var isCommon = divisor > 0 && isMultiple(pLess1, divisor) && isMultiple(qLess1, divisor);
    return isCommon || undoes(d, pLess1) && undoes(d, qLess1);
}
function isMultiple(number, divisor) {
    return remainder(number, [
        divisor
    ]).length === 0;
}
function divisorOf(rest, order) {
    var ratio = ratioOf(rest, order);
    for(var divisor = 1; divisor <= 1e3 /* LARGEST_DIVISOR */; divisor++){
        var multiple = ratio * divisor;
        if (Math.abs(multiple - Math.round(multiple)) > 1e-6 /* NEARLY */) continue;
        return remainder(product(rest, [
            divisor
        ]), order).length === 0 ? divisor : 0;
    }
    return 0;
}
function bitsOf(hex) {
    return (hex.length - 2) * 4 + parseInt(hex.slice(0, 2), 16).toString(2).length;
}
// src/x509/private_key.ts
/** Whether a PEM label is that of a private key of any kind, including OpenSSH's and encrypted ones. */
function isKeyLabel(label) {
    return /PRIVATE KEY$/.test(label);
}
/**
 * Reads a private key without any arithmetic: see `expectSound`. Only `proveKey` tells whether the private part of a key other than
 * RSA's is that of the public one.
 *
 * @throws encrypted-key, unsupported-key, weak (a short curve), malformed
 */
function readPrivateKey(block) {
    if (block.encrypted || block.label === "ENCRYPTED PRIVATE KEY") {
        refuse("encrypted-key", "the private key is encrypted; decrypt it with `openssl pkey`");
    }
    if (block.body.length > 32768 /* LONGEST_KEY */) refuse("malformed", "too long for a private key");
    switch(block.label){
        case "PRIVATE KEY":
            return readPkcs8(decodeBlock(block));
        case "RSA PRIVATE KEY":
            return readPkcs1(decodeBlock(block));
        case "EC PRIVATE KEY":
            return readSec1(decodeBlock(block));
        default:
            return refuse("unsupported-key", "a key with the label ".concat(quote(block.label), " is not for TLS servers"));
    }
}
function readPkcs1(der) {
    var value = readRsaPrivateKey(readWhole(der, 48 /* SEQUENCE */, "an RSA private key"));
    var label = "RSA PRIVATE KEY";
    return {
        kind: "RSA",
        curve: null,
        restrictions: "",
        value: value,
        label: label,
        der: der
    };
}
function readRsaPrivateKey(key) {
    var numbers = children(key);
    var isFirstVersion = numbers.length > 0 && hexOfWhole(numbers[0]) === "020100";
    if (!isFirstVersion || numbers.length !== 9) {
        return refuse("unsupported-key", "an RSA private key of other than two primes");
    }
    for(var i = 3; i < numbers.length; i++)positiveInteger(numbers[i], "an RSA number");
    return rsaValue(numbers[1], numbers[2]);
}
/**
 * Whether the public part of a key, which is equal to that of the certificate, tells that the key belongs to it. OpenSSL computes the
 * public part of other keys from the private one: of Ed25519, Ed448 and ML-DSA keys even where a file includes it, and of EC keys
 * without it. A brainpool key counts as one of these, because no njs can use it.
 */
function provesItself(param) {
    var kind = param.kind, curve = param.curve, value = param.value;
    return curve === null ? kind === "RSA" || kind === "RSA-PSS" : value !== "" && isNist(curve);
}
/**
 * Checks that the numbers of an RSA key are those of one key. Other keys pass: to compute the public part of one takes longer than a
 * handshake may wait.
 *
 * @throws malformed
 */
function expectSound(key) {
    if (key.kind !== "RSA" && key.kind !== "RSA-PSS") return;
    var numbers = children(innerKey(key)).slice(1);
    expectOneKey(numbers.map(function(number) {
        return positiveInteger(number, "an RSA number");
    }));
}
function readSec1(der) {
    var _readEcPrivateKey = readEcPrivateKey(readWhole(der, 48 /* SEQUENCE */, "an EC private key"), null), curve = _readEcPrivateKey.curve, value = _readEcPrivateKey.value;
    return {
        kind: "EC",
        curve: curve,
        restrictions: "",
        value: value,
        label: "EC PRIVATE KEY",
        der: der
    };
}
function readEcPrivateKey(key, known) {
    var version = readTagged(key, key.start, 2 /* INTEGER */, "a version");
    var number = readTagged(key, version.end, 4 /* OCTET_STRING */, "a private key");
    var at = number.end;
    var curve = known;
    if (at < key.end && key.bytes[at] === constructedTag(0)) {
        var parameters = readTagged(key, at, constructedTag(0), "a curve");
        var named = readElement(key.bytes, parameters.start, parameters.end);
        expectEnd(parameters.end, named.end, "a curve");
        curve = readCurve(named, "the private key" /* WHOSE */);
        at = parameters.end;
    }
    if (hexOf(version) !== "01" || curve === null || known !== null && curve !== known) {
        return refuse("malformed", "an EC private key that does not say its curve");
    }
    var value = "";
    if (at < key.end) {
        var point = readTagged(key, at, constructedTag(1), "a public key");
        value = bitString(readOnly(point, 3 /* BIT_STRING */, "a public key"), "a public key");
        at = point.end;
    }
    expectEnd(key.end, at, "an EC private key");
    var digits = hexOf(number).replace(/^(00)+/, "");
    if (digits === "" || digits.length > fieldBytes(curve) * 2) {
        refuse("malformed", "an EC private key that is not of ".concat(curve));
    }
    return {
        curve: curve,
        value: value
    };
}
function readPkcs8(der) {
    var info = readWhole(der, 48 /* SEQUENCE */, "a private key");
    var version = readTagged(info, info.start, 2 /* INTEGER */, "a version");
    var algorithm2 = readTagged(info, version.end, 48 /* SEQUENCE */, "a key algorithm");
    var key = readTagged(info, algorithm2.end, 4 /* OCTET_STRING */, "a private key");
    if (hexOf(version) !== "00" && hexOf(version) !== "01") {
        refuse("malformed", "a private key of an unknown version");
    }
    var _readKeyAlgorithm = readKeyAlgorithm(algorithm2, "the private key" /* WHOSE */), kind = _readKeyAlgorithm.kind, curve = _readKeyAlgorithm.curve, restrictions = _readKeyAlgorithm.restrictions;
    var attached = attachedPublicKey(info, key.end);
    var value = "";
    if (kind === "RSA" || kind === "RSA-PSS") {
        value = readRsaPrivateKey(readOnly(key, 48 /* SEQUENCE */, "an RSA private key"));
    } else if (curve !== null) {
        value = readEcPrivateKey(readOnly(key, 48 /* SEQUENCE */, "an EC private key"), curve).value;
    } else if (!isBarePrivateKey(kind, key)) {
        refuse("malformed", "not an ".concat(kind, " private key"));
    }
    if (value !== "" && attached !== "" && kind === "EC" && value !== attached) {
        refuse("malformed", "a private key with two different public keys");
    }
    if (value === "" && kind !== "RSA") value = attached;
    var isPlain = hexOf(version) === "00" && key.end === info.end;
    var plain = isPlain ? der : Buffer.from(pkcs8Hex(hexOf(algorithm2), hexOf(key)), "hex");
    return {
        kind: kind,
        curve: curve,
        restrictions: restrictions,
        value: value,
        label: "PRIVATE KEY",
        der: plain
    };
}
var PRIVATE_BYTES = {
    Ed25519: 32,
    Ed448: 57,
    "ML-DSA-44": 2560,
    "ML-DSA-65": 4032,
    "ML-DSA-87": 4896
};
function isBarePrivateKey(kind, key) {
    var parts = children(key);
    var first = parts[0];
    if (parts.length !== 1 || first === void 0) return false;
    var isOf = function isOf(part, tag, bytes) {
        return part.tag === tag && part.end - part.start === bytes;
    };
    if (isOf(first, 4 /* OCTET_STRING */, PRIVATE_BYTES[kind])) return true;
    if (kind.charAt(0) !== "M") return false;
    if (first.tag !== 48 /* SEQUENCE */) return isOf(first, contextTag(0), 32 /* SEED_BYTES */);
    var both = children(first);
    return both.length === 2 && isOf(both[0], 4 /* OCTET_STRING */, 32 /* SEED_BYTES */) && isOf(both[1], 4 /* OCTET_STRING */, PRIVATE_BYTES[kind]);
}
function attachedPublicKey(info, keyEnd) {
    var at = keyEnd;
    var value = "";
    if (at < info.end && info.bytes[at] === constructedTag(0)) {
        at = readTagged(info, at, constructedTag(0), "attributes").end;
    }
    if (at < info.end) {
        var point = readTagged(info, at, contextTag(1), "a public key");
        value = bitString(point, "a public key");
        at = point.end;
    }
    expectEnd(info.end, at, "a private key");
    return value;
}
function pkcs8Hex(algorithm2, key) {
    return write(48 /* SEQUENCE */, "020100" + write(48 /* SEQUENCE */, algorithm2) + write(4 /* OCTET_STRING */, key));
}
/**
 * The key as nginx gets it: PKCS#1 for RSA, SEC1 for EC, PKCS#8 for other kinds. OpenSSL 3 tries its decoders in turn to find the
 * kind of a PKCS#8 key, which costs time in each handshake without `ssl_certificate_cache`.
 *
 * @returns one block of PEM
 */
function servedForm(key) {
    if (key.label === "PRIVATE KEY" && key.kind === "RSA") {
        return encodeBlock("RSA PRIVATE KEY", Buffer.from(hexOfWhole(innerKey(key)), "hex"));
    }
    if (key.label === "PRIVATE KEY" && key.curve !== null && key.value !== "") {
        var der = withPoint(key, key.curve, key.value).der;
        return encodeBlock("EC PRIVATE KEY", der);
    }
    return encodeBlock(key.label, key.der);
}
/**
 * Writes an EC key as SEC1, with its curve and its public part.
 *
 * @param point the public part in hex
 */
function withPoint(key, curve, point) {
    var parts = children(innerKey(key));
    var content = hexOfWhole(parts[0]) + hexOfWhole(parts[1]) + write(constructedTag(0), write(6 /* OBJECT_IDENTIFIER */, identifierOf(curve))) + write(constructedTag(1), write(3 /* BIT_STRING */, "00" + point));
    var der = Buffer.from(write(48 /* SEQUENCE */, content), "hex");
    return Object.assign({}, key, {
        value: point,
        label: "EC PRIVATE KEY",
        der: der
    });
}
function innerKey(param) {
    var label = param.label, der = param.der;
    var outer = readWhole(der, 48 /* SEQUENCE */, "a private key");
    return label === "PRIVATE KEY" ? readOnly(children(outer)[2], 48 /* SEQUENCE */, "a private key") : outer;
}
// src/x509/warnings.ts
/**
 * The warnings about a pair that is served: what was repaired in it, and what clients may refuse.
 *
 * @param leafNumber the number of the leaf in its file
 * @param keys how many private keys there were
 * @returns plain sentences, each of up to some 200 characters
 */
function warningsOf(chain, leafNumber, keys) {
    var leaf = chain.certificates[0];
    var warnings = chain.faults.map(function(fault) {
        return "A certificate was left out: ".concat(fault, ".");
    });
    if (chain.leftOut.length > 0) warnings.push(leftOutText(chain.leftOut));
    if (keys > 1) warnings.push("There are ".concat(keys, " private keys: the certificate's own was taken."));
    if (!isAscending([
        leafNumber
    ].concat(chain.numbers))) {
        warnings.push("The certificates were put in order: the leaf, then the issuer of each.");
    }
    if (!chain.hasIssuer) {
        warnings.push("The certificate of the issuer, ".concat(nameText(leaf.issuer), ", is not there: clients that do not have it refuse the connection."));
    }
    if (dnsNames(leaf).length === 0 && ipAddresses(leaf).length === 0) {
        warnings.push("The certificate has no DNS name and no address as subjectAltName: browsers refuse it.");
    }
    return warnings;
}
function isAscending(numbers) {
    return numbers.every(function(number, i) {
        return i === 0 || number > numbers[i - 1];
    });
}
function leftOutText(numbers) {
    var first = numbers.slice(0, 5 /* MOST_NUMBERS */).join(", ");
    if (numbers.length === 1) return "Certificate ".concat(first, " was left out: the chain does not need it.");
    var more = numbers.length - 5 /* MOST_NUMBERS */;
    var all = more > 0 ? "".concat(first, " and ").concat(more, " more") : first;
    return "Certificates ".concat(all, " were left out: the chain does not need them.");
}
// src/x509/pair.ts
/** Whether a pair belongs in the RSA slot. An RSA-PSS pair does not, because older clients cannot use it. */
function isRsa(pair) {
    return pair.privateKey.kind === "RSA";
}
/**
 * Reads a chain and its key, and checks that nginx can serve them, in this order:
 *
 * 1. The text is PEM with an unencrypted key of a usable type. Blocks of other kinds are skipped.
 * 2. The leaf is the first certificate that belongs to one of the keys, as far as their public parts tell, and is valid now; the first, where none
 *    is valid. nginx takes the first certificate and the first key.
 * 3. The numbers of an RSA key are those of one key, and an EC point is on its curve.
 * 4. The chain is built from the leaf upwards, whatever the order of the other certificates; what is not part of it is left out: see
 *    `buildChain`.
 * 5. No certificate of the chain is malformed, or too weak for OpenSSL at its default security level.
 *
 * Validity, names and the signatures in the chain are not checked.
 *
 * @param pem the certificates in any order; also the keys, anywhere among them, where `keyPem` is not given
 * @param keyPem the text of the key's own file. Keys in `pem` and certificates in `keyPem` are then skipped, as nginx does
 * @param now the time by which a certificate is valid, in seconds since 1970; undefined where the order decides alone
 * @throws malformed, encrypted-key, unsupported-key, key-mismatch, weak, bad-chain
 */
function readPair(pem, keyPem, now) {
    var blocks = readBlocks(pem);
    var candidates = blocks.filter(function(block) {
        return isCertificateLabel(block.label);
    }).map(function(block, i) {
        return {
            block: block,
            number: i + 1
        };
    });
    if (candidates.length === 0) refuse("malformed", "no certificate: is it PEM, and complete?");
    if (candidates.length > 100 /* MOST_CERTIFICATES */) {
        refuse("bad-chain", "over ".concat(100 /* MOST_CERTIFICATES */, " certificates; send the leaf and its issuers"));
    }
    var keys = readKeys(keyPem === void 0 ? blocks : readBlocks(keyPem));
    var _findLeaf = findLeaf(candidates, keys, now), leaf = _findLeaf.leaf, number = _findLeaf.number, key = _findLeaf.key;
    expectSound(key);
    expectPoint(leaf.publicKey, "certificate ".concat(number));
    expectStrength(leaf, "certificate ".concat(number));
    var chain = buildChain(leaf, candidates.filter(function(candidate) {
        return candidate.number !== number;
    }), now);
    return {
        chain: chain.certificates.map(function(param) {
            var der = param.der;
            return encodeBlock("CERTIFICATE", der);
        }).join(""),
        key: encodeBlock(key.label, key.der),
        leaf: leaf,
        privateKey: key,
        keyProven: provesItself(key),
        warnings: warningsOf(chain, number, keys.count)
    };
}
/** The PEM of a pair that nginx gets: see `servedForm`. */
function servedPem(pair) {
    return {
        chain: pair.chain,
        key: servedForm(pair.privateKey)
    };
}
function readKeys(blocks) {
    var seen = {};
    var distinct2 = blocks.filter(function(param) {
        var label = param.label, body = param.body;
        var text = "".concat(label, "\n").concat(body.trim());
        var isNew = isKeyLabel(label) && !seen[text];
        seen[text] = true;
        return isNew;
    });
    if (distinct2.length === 0) refuse("malformed", "no private key: is it PEM, and complete?");
    if (distinct2.length > 20 /* MOST_KEYS */) refuse("malformed", "over ".concat(20 /* MOST_KEYS */, " private keys"));
    var usable = [];
    var faults = [];
    distinct2.forEach(function(block) {
        try {
            usable.push(readPrivateKey(block));
        } catch (e) {
            if (!isRefusal(e)) throw e;
            faults.push(e);
        }
    });
    if (usable.length === 0) throw faults[0];
    return {
        usable: usable,
        count: distinct2.length,
        fault: faults[0]
    };
}
function findLeaf(candidates, param, now) {
    var _loop = function(i) {
        var _candidates_i = candidates[i], block = _candidates_i.block, number = _candidates_i.number;
        var leaf = void 0;
        try {
            leaf = readCertificate(block, "certificate ".concat(number));
        } catch (e) {
            if (!isRefusal(e)) throw e;
            if (i === 0) reason = e;
            return "continue";
        }
        var key = usable.filter(function(one) {
            return fits(one, leaf);
        })[0];
        if (!key) return "continue";
        var isSure = provesItself(key) || !leaf.isAuthority;
        var found = {
            leaf: leaf,
            number: number,
            key: key
        };
        if (isSure && (now === void 0 || isValidAt(leaf, now))) return {
            v: found
        };
        first = first || found;
    };
    var usable = param.usable, fault = param.fault;
    var first;
    var reason = fault;
    for(var i = 0; i < candidates.length; i++){
        var _ret = _loop(i);
        if (_type_of(_ret) === "object") return _ret.v;
    }
    if (first) return first;
    if (reason) throw reason;
    return refuse("key-mismatch", "the private key belongs to none of the certificates");
}
function fits(key, param) {
    var publicKey = param.publicKey;
    return key.value === "" ? publicKey.kind === key.kind && publicKey.curve === key.curve : isSameKey(publicKey, key);
}
// src/x509/server_name.ts
/** The names of a certificate that are server names or wildcards, normalised and without repetitions. */
function serverNamesOf(certificate) {
    return certificate.names.map(normaliseWithWildcard).filter(function(name, i, all) {
        return name && all.indexOf(name) === i;
    });
}

// ======== disk/: files, and the store of versions: what is written is whole whenever a worker is killed
// src/disk/fs.ts
var LARGEST_FILE = 1024 * 1024;
/**
 * Reads a file as text.
 *
 * @throws Error with a message that names the path: it is not there, not readable, no regular file, or over 1 MiB
 */
function readFile(path) {
    return readBytes(path).toString();
}
/** Reads a file as bytes. It throws as `readFile` does. */
function readBytes(path) {
    var fault;
    try {
        var stat2 = fs.statSync(path);
        if (stat2.isFile() && stat2.size <= LARGEST_FILE) return fs.readFileSync(path);
        fault = stat2.isFile() ? "larger than 1 MiB" : "not a regular file";
    } catch (e) {
        fault = e.message;
    }
    throw new Error("".concat(path, ": ").concat(fault));
}
/**
 * Writes a file that is not there yet, mode 0600.
 *
 * @param isDurable whether the content is on the disk when this returns (flag `as`: O_SYNC)
 * @throws FileError with the path. The file may be there then, empty or cut off
 */
function writeNewFile(path, text, isDurable) {
    naming(path, function() {
        fs.writeFileSync(path, isDurable ? "" : text, {
            mode: 384,
            flag: "wx"
        });
        if (isDurable) fs.appendFileSync(path, text, {
            flag: "as"
        });
    });
}
// src/disk/place.ts
/**
 * Writes a file under a name that no file has had.
 *
 * @param isDurable the content is on the disk before the file has its name
 * @throws Error of the file system, with the path. No part of the file is left
 */
function placeFile(store, path, text, isDurable) {
    place(store, path, function(temporary) {
        writeNewFile(temporary, text, isDurable);
    });
}
/**
 * Makes a link in the place of the one that is there, if that one meets a condition. No other nginx replaces it between the two.
 *
 * @returns false where the condition was not met
 * @throws Error of the file system. The link that was there stays
 */
function replaceLink(store, param, target, mayReplace) {
    var path = param.path, claim = param.claim;
    for(;;){
        makeClaim(store, claim, target);
        try {
            var isMet = mayReplace(readLink(path));
            if (isMet) {
                inFolder(store.root, path, function() {
                    renameFile(claim, path);
                });
            } else {
                unlink(claim);
            }
            return isMet;
        } catch (e) {
            if (isNotThere(e)) continue;
            quietly(function() {
                unlink(claim);
            });
            throw e;
        }
    }
}
function place(param, path, make) {
    var root = param.root;
    var temporary = "".concat(root, "/temporary/").concat(uniqueId());
    try {
        inFolder(root, temporary, function() {
            make(temporary);
        });
        inFolder(root, path, function() {
            renameFile(temporary, path);
        });
    } catch (e) {
        quietly(function() {
            unlink(temporary);
        });
        throw e;
    }
}
// src/disk/entries.ts
/** Whether a text is short enough for an entry. */
function fitsEntry(text) {
    return Buffer.byteLength(text) <= 1e3 /* LONGEST_ENTRY */;
}
/**
 * Replaces a slot's entry. With a condition it is the way to change an entry that was read: what another nginx has placed since
 * is not undone.
 *
 * @param text for which `fitsEntry` is true
 * @param mayReplace gets the text of the entry that is there; undefined where there is none
 * @returns false where the entry that is there does not meet the condition
 * @throws Error of the file system. The entry that was there stays
 */
function placeEntry(store, slot, text) {
    var mayReplace = arguments.length > 3 && arguments[3] !== void 0 ? arguments[3] : always;
    return replaceLink(store, linkOf(store, slot), text, mayReplace);
}
// src/disk/stamp.ts
/**
 * Whether a key is not there, though its chain is.
 *
 * @param stamp of `stampOf`
 */
function lacksKey(stamp) {
    return stamp.endsWith(" ".concat("missing" /* MISSING */));
}
// src/disk/versions.ts
/**
 * Writes a pair as a new version, even where there is one of the same pair: under an old name nginx would go on serving the
 * object that it keeps, and another nginx may be about to remove that file.
 *
 * @param fingerprint of the leaf, SHA-256 in hex
 * @param slot the key of the slot that it is for, or ALL_NAMES
 * @param isDurable whether it is on the disk when this returns
 * @returns the version's name
 * @throws Error of the file system, with the path. No part of the file is left
 */
function writeVersion(store, fingerprint, pem, slot, isDurable) {
    var version = "".concat(fingerprint, ".").concat(uniqueId()).concat(slot === "*all" /* ALL_NAMES */ ? "+" /* SHARED */ : "");
    retire(store, version, slot);
    placeFile(store, versionPath(store, version), pem.key + pem.chain, isDurable);
    return version;
}
/**
 * The PEM of a version, the key first.
 *
 * @throws Error with a message that names the path
 */
function readVersion(store, version) {
    return readFile(versionPath(store, version));
}
/** The fingerprint of a version's leaf, SHA-256 in hex, as the version's name has it. */
function fingerprintIn(version) {
    return version.slice(0, version.indexOf("."));
}
/**
 * Notes that a sweep has to look at a version in a minute. The note comes before the step that replaces the version: a worker
 * that is killed in between would leave it for good.
 *
 * @param slot the key of the slot that it is or was current for, or ALL_NAMES
 * @throws Error of the file system
 */
function retire(store, version, slot) {
    var owner = version.endsWith("+" /* SHARED */) ? "*all" /* ALL_NAMES */ : isFileKey(slot) ? slot : nameOf(slot);
    note(store, version, owner);
}
/**
 * Notes that a sweep has to remove the mark of a slot in a minute.
 *
 * @throws Error of the file system
 */
function retireMark(store, slot) {
    note(store, "mark." /* MARK */ + uniqueId(), slot);
}
function note(param, name, owner) {
    var root = param.root;
    var folder = "".concat(root, "/retired");
    var bucket = "".concat(folder, "/").concat(bucketOf(Date.now()));
    try {
        makeLink(owner, "".concat(bucket, "/").concat(name));
    } catch (e) {
        var code = e.code;
        if (code === "EEXIST") return;
        if (code !== "ENOENT") throw e;
        makeFolder(folder);
        makeFolder(bucket);
        makeLink(owner, "".concat(bucket, "/").concat(name));
    }
}

// ======== zone/: the shared dictionary: records, locks, negative answers, notes and counts
// src/zone/dict.ts
/** The size of a zone, and the size of its free pages, in bytes. */
function spaceOf(zone) {
    return {
        capacity: zone.capacity,
        free: zone.freeSpace()
    };
}
// src/zone/record.ts
/** The key and the chain of a record with PEM, in one. */
function pemOf(record) {
    return record.slice(38 /* PEM_AT */, pemEnd(record));
}
/** The time of the last look at a record's files, in the form of `timestamp`. */
function checkedAtText(record) {
    return record.slice(13 /* CHECKED_AT */, 26 /* KEY_END_AT */);
}
/**
 * Makes a record with a pair in itself, or without a pair. Its files count as looked at now.
 *
 * @param token the clear token as it was before the files were read: a clear that came since makes the record stale
 * @param pem null where there is no pair to serve
 */
function makeRecord(token, meta, pem) {
    var _ref = pem != null ? pem : {
        key: "",
        chain: ""
    }, key = _ref.key, chain = _ref.chain;
    var ends = offset(38 /* PEM_AT */ + key.length) + offset(38 /* PEM_AT */ + key.length + chain.length);
    var header = (pem ? "3" /* SERVABLE */ : "2" /* REFUSED */) + token + timestamp() + ends;
    return header + key + chain + JSON.stringify(meta);
}
/**
 * Makes the record of a version in the store. It is stale until `withFreshUntil`.
 *
 * @param token as in `makeRecord`
 * @param path the absolute path of the version's file
 */
function makeVersionRecord(token, meta, path) {
    var ends = offset(38 /* PEM_AT */) + offset(53 /* PATH_AT */ + path.length);
    return "5" /* VERSION */ + token + timestamp() + ends + "000000000000000" /* STALE */ + path + JSON.stringify(meta);
}
// src/zone/counters.ts
/**
 * Counts one event.
 *
 * @param labels in the form of Prometheus, as in `scope="all"`; '' where the family has none
 */
function count(zone, family, labels) {
    var counts = parseCounts(findOwnCounts(zone) || "{}");
    add(counts, seriesOf(family, labels), 1);
    putOwnCounts(zone, JSON.stringify(counts));
}
/**
 * The labels of `refusals_total`.
 *
 * @param via the origin of the pair or the request
 * @param code the reason of the refusal
 */
function refusalLabels(via, code) {
    return 'via="'.concat(via, '",code="').concat(code, '"');
}
function seriesOf(family, labels) {
    return labels ? "".concat(family, "{").concat(labels, "}") : family;
}
function add(counts, series, more) {
    counts[series] = (counts[series] || 0) + more;
}
function parseCounts(text) {
    return JSON.parse(text);
}
function findOwnCounts(zone) {
    return zone.get("".concat("#counts:" /* COUNTS_PREFIX */).concat(ngx.worker_id));
}
/** Stores the counts of this worker. They are lost where the zone has no room. */
function putOwnCounts(zone, counts) {
    replaceValue(zone, "".concat("#counts:" /* COUNTS_PREFIX */).concat(ngx.worker_id), counts);
}

// ======== certs/: decides which pair a name is served, and whether a pair may take its place
// src/certs/accept.ts
/**
 * Checks that a pair may be in a slot, whatever brings it: files, a scan, a put or etcd. `readPair` has checked the pair
 * itself.
 *
 * @param slot its key
 * @throws unsupported-key, name-not-covered, expired
 */
function expectAcceptable(context, slot, pair, origin) {
    if (origin.from === "files" && !pair.keyProven && !context.store) {
        refuse("unsupported-key", 'the key file has no public part that tells whose key it is: set $cert_store, or for an EC key write one with "openssl ec"');
    }
    if (isRsaKey(slot) && !isRsa(pair)) {
        refuse("unsupported-key", "the RSA slot, $cert_file_rsa, is for RSA keys, and this one is ".concat(pair.privateKey.kind));
    }
    expectNames(context, slot, pair);
    expectValid(pair, origin);
}
function expectNames(param, slot, pair) {
    var fallback2 = param.fallback;
    if (isFileKey(slot)) {
        if (serverNamesOf(pair.leaf).length === 0) {
            refuse("name-not-covered", "the certificate is for no DNS name");
        }
        return;
    }
    var name = nameOf(slot);
    if (name !== fallback2 && !covers(pair.leaf, name)) {
        refuse("name-not-covered", "the certificate is not for ".concat(name));
    }
}
function expectValid(param, origin) {
    var leaf = param.leaf;
    var now = Date.now() / 1e3;
    if (!isExpired(leaf, now)) return;
    if (origin.from === "sender") {
        var since = new Date(leaf.notAfter * 1e3).toISOString();
        refuse("expired", "the certificate has expired at ".concat(since));
    }
    if (origin.heldUntil >= now) {
        refuse("expired", "the certificate has expired, and the one that is held has not");
    }
}
// src/certs/pem_of_record.ts
/** The key and the chain of a record, in one PEM; '' where there are none, or they cannot be read. */
function pemIn(record) {
    if (!isVersion(record)) return holdsPair(record) ? pemOf(record) : "";
    try {
        return readFile(pathOf(record));
    } catch (e) {
        return "";
    }
}
/** The name of a record's version; '' where the record has none. */
function versionIn(record) {
    var path = isVersion(record) ? pathOf(record) : "";
    return path.slice(path.lastIndexOf("/") + 1);
}
// src/certs/check.ts
function readFiles(seen) {
    try {
        if (isIssuerAlone(seen)) return {
            record: "",
            leftOut: seen.stamp
        };
        return accepted(seen, readChecked(seen));
    } catch (e) {
        return refused(seen, e);
    }
}
function isIssuerAlone(param) {
    var slot = param.slot, files = param.files, stamp = param.stamp, current = param.current;
    if (!isFileKey(slot) || !lacksKey(stamp) || holdsPair(current)) return false;
    return readLeaf(readFile(files.cert)).isAuthority;
}
function readChecked(param) {
    var context = param.context, slot = param.slot, files = param.files, current = param.current, meta = param.meta;
    var heldUntil = meta && holdsPair(current) ? meta.notAfter : 0;
    for(var reads = 1;; reads++){
        var stamp = stampOf(files);
        try {
            var text = readFile(files.cert);
            var keyText = files.key === files.cert ? void 0 : readFile(files.key);
            var pair = readPair(text, keyText, Date.now() / 1e3);
            expectAcceptable(context, slot, pair, {
                from: "files",
                heldUntil: heldUntil
            });
            return pair;
        } catch (e) {
            if (reads === 3 /* MOST_READS */ || stampOf(files) === stamp) throw e;
        }
    }
}
function accepted(seen, pair) {
    var _a;
    var slot = seen.slot, name = seen.name, files = seen.files, stamp = seen.stamp, current = seen.current, meta = seen.meta;
    var notAfter = pair.leaf.notAfter;
    var pem = servedPem(pair);
    var isSame = meta !== null && pemIn(current) === pem.key + pem.chain;
    var loadedAt = isSame ? meta.loadedAt : Date.now();
    var next = Object.assign({
        source: "disk",
        files: stamp,
        notAfter: notAfter,
        loadedAt: loadedAt
    }, refusedByEtcd(meta));
    if (!pair.keyProven && !(isSame && !meta.isUnproven)) next.isUnproven = true;
    var whose = name;
    if (isFileKey(slot)) {
        next.found = foundIn(pair);
        if (!isSettled(stamp)) next.files = "";
        whose = inShort(next.found.names);
    }
    if (pair.warnings.length > 0) next.warnings = pair.warnings;
    var result = isSame ? {
        record: unchanged(seen, next, pair),
        result: "unchanged"
    } : loaded(seen, next, pair, whose);
    var warning = pair.warnings.join(" ");
    var isTold = warning === "" || isSame && ((_a = meta.warnings) == null ? void 0 : _a.join(" ")) === warning;
    if (!isTold) result.warning = "cert_rotation: ".concat(whose, ": ").concat(files.cert, ": ").concat(warning);
    return result;
}
function loaded(param, next, pair, whose) {
    var context = param.context, files = param.files;
    var isLate = isExpired(pair.leaf, Date.now() / 1e3);
    var end = new Date(pair.leaf.notAfter * 1e3).toISOString();
    return {
        record: makeRecord(context.token, next, servedPem(pair)),
        pair: pair,
        message: "cert_rotation: ".concat(whose, ": loaded from ").concat(files.cert, ", ").concat(isLate ? "EXPIRED" : "valid until", " ").concat(end),
        isError: isLate,
        result: "loaded"
    };
}
function unchanged(param, next, pair) {
    var context = param.context, current = param.current, meta = param.meta;
    if (!isVersion(current)) return makeRecord(context.token, next, servedPem(pair));
    if ((meta == null ? void 0 : meta.store) !== void 0) next.store = meta.store;
    if ((meta == null ? void 0 : meta.before) !== void 0) next.before = meta.before;
    return withMeta(current, context.token, next);
}
/** What an index has to know of a pair that a scan found. */
function foundIn(pair) {
    var names = serverNamesOf(pair.leaf);
    return {
        names: names,
        isRsa: isRsa(pair),
        notBefore: pair.leaf.notBefore
    };
}
function refused(seen, e) {
    var _a;
    var context = seen.context, slot = seen.slot, name = seen.name, files = seen.files, stamp = seen.stamp, current = seen.current, meta = seen.meta;
    var token = context.token;
    var problem = {
        code: isRefusal(e) ? e.code : "unreadable",
        detail: e.message
    };
    if (isOfAnotherName(seen, problem)) return none(current, token, meta);
    var isTold = isRefusal(e) || isFileKey(slot) && lacksKey(stamp);
    var tried = isTold ? stamp : "";
    var next = isAnswer(current) && meta ? Object.assign({}, meta, {
        files: tried,
        problem: problem
    }) : {
        source: "disk",
        files: tried,
        notAfter: 0,
        loadedAt: 0,
        problem: problem
    };
    var record = isAnswer(current) ? withMeta(current, token, next) : makeRecord(token, next, null);
    var isKnown = (meta == null ? void 0 : meta.files) === tried && ((_a = meta.problem) == null ? void 0 : _a.code) === problem.code && meta.problem.detail === problem.detail;
    if (isKnown) return {
        record: record
    };
    var where = isRefusal(e) ? " (".concat(pathsOf(files), ")") : "";
    var whose = isFileKey(slot) ? files.cert : name;
    return {
        record: record,
        message: "cert_rotation: ".concat(whose, ": ").concat(problem.code, ": ").concat(problem.detail).concat(where, "; ").concat(consequenceOf(current)),
        isError: true,
        result: "refused",
        code: problem.code
    };
}
function isOfAnotherName(param, problem) {
    var context = param.context, slot = param.slot, current = param.current;
    if (holdsPair(current) || problem.code !== "name-not-covered" || isFileKey(slot)) return false;
    var settings = context.settings;
    return !isPerName(templatesOf(settings, slot).cert) || scannedFileOf(settings, slot) !== "";
}
function consequenceOf(current) {
    if (holdsPair(current)) return "the pair held before is still served";
    return isPointer(current) ? "the pair that $cert_scan found is served" : "nothing is served for it";
}
function inShort(names) {
    var more = names.length - 3 /* MOST_NAMED */;
    var named = names.slice(0, 3 /* MOST_NAMED */).join(", ");
    return more > 0 ? "".concat(named, " and ").concat(more, " more") : named;
}
function pathsOf(files) {
    return files.cert === files.key ? files.cert : "".concat(files.cert, ", ").concat(files.key);
}
// src/certs/entry_text.ts
/**
 * The text of an entry for a version.
 *
 * @param token the store's clear token that the version has seen
 * @param meta `before` is the version that it replaces
 */
function entryOfVersion(version, token, meta) {
    var kept = Object.assign({}, meta);
    delete kept.problem;
    delete kept.store;
    var entry = {
        version: version,
        token: token,
        meta: kept
    };
    var whole = JSON.stringify(entry);
    if (fitsEntry(whole)) return whole;
    delete kept.warnings;
    var unwarned = JSON.stringify(entry);
    if (fitsEntry(unwarned)) return unwarned;
    delete kept.found;
    return JSON.stringify(entry);
}
/** The version that an entry leads to; '' where it leads to none. */
function versionOfEntry(entry) {
    return parseEntry(entry).version || "";
}
/** The clear token that an entry has seen. */
function tokenIn(entry) {
    return parseEntry(entry).token || "------------" /* STALE_TOKEN */;
}
/** Whether the name of an entry was cleared, and nobody has looked at its files since. */
function isNameCleared(entry) {
    return isOfNameClear(tokenIn(entry));
}
/** The entry after a look at its slot's files that changed nothing. */
function withToken(entry, token) {
    return JSON.stringify(Object.assign(parseEntry(entry), {
        token: token
    }));
}
// src/certs/stored.ts
function adopt(context, store, slot, entry) {
    var _parseEntry = parseEntry(entry), _parseEntry_version = _parseEntry.version, version = _parseEntry_version === void 0 ? "" : _parseEntry_version, token = _parseEntry.token, stored = _parseEntry.meta;
    var meta = Object.assign({}, stored, {
        store: store.id
    });
    var recordOf2 = function recordOf2(pair, name) {
        if (isFileKey(slot)) meta.found = foundIn(pair);
        meta.notAfter = pair.leaf.notAfter;
        var seen = token === context.storeToken ? context.token : "------------" /* STALE_TOKEN */;
        return makeVersionRecord(seen, meta, versionPath(store, name));
    };
    var fault;
    try {
        return recordOf2(readStored(store, version), version);
    } catch (e) {
        fault = e.message;
    }
    var record;
    try {
        var pair = readStored(store, meta.before || "");
        if (pair.keyProven) delete meta.isUnproven;
        else meta.isUnproven = true;
        meta.warnings = pair.warnings;
        record = recordOf2(pair, writePair(store, pair, [
            slot
        ], true));
    } catch (e) {}
    var consequence = record ? "the version before it is served" : "it is passed over";
    context.r.error("cert_rotation: ".concat(nameOf(slot), ": stored version: ").concat(fault, "; ").concat(consequence));
    return record;
}
function readStored(store, version) {
    var pair = readPair(readVersion(store, version));
    if (fingerprintOf(pair.leaf) !== fingerprintIn(version)) {
        throw new Error("".concat(versionPath(store, version), ": it is not the certificate of that name"));
    }
    return pair;
}
/**
 * Writes a pair as a version, which no entry leads to yet.
 *
 * @param slots the keys of the slots that it is for
 * @param isDurable whether it is on the disk when this returns
 * @returns the version's name
 * @throws Error of the file system
 */
function writePair(store, pair, slots, isDurable) {
    var names = slots.map(nameOf).filter(function(name, i, all) {
        return all.indexOf(name) === i;
    });
    var owner = names.length > 1 ? "*all" /* ALL_NAMES */ : slots[0];
    return writeVersion(store, fingerprintOf(pair.leaf), servedPem(pair), owner, isDurable);
}
/**
 * Makes a pointer the entry of a slot. Where the entry has no room for the other files, the scan finds them again.
 *
 * @param file the key of the file that it points to
 * @param others the keys of other files with a certificate for the name
 * @param mayReplace as in `placeEntry`
 * @throws Error of the file system
 */
function placePointer(store, slot, file, others, mayReplace) {
    var text = JSON.stringify({
        file: file,
        others: others
    });
    if (!fitsEntry(text)) text = JSON.stringify({
        file: file
    });
    placeEntry(store, slot, text, mayReplace);
}
/**
 * Marks a slot as deleted. A sweep removes the mark and the version when every nginx that shares the store has seen it.
 *
 * @param version the slot's; '' for none
 * @param mayReplace as in `placeEntry`
 * @throws Error of the file system where neither a mark could be made nor the entry removed
 */
function placeMark(store, slot, version, mayReplace) {
    try {
        if (version) retire(store, version, slot);
        retireMark(store, slot);
        placeEntry(store, slot, JSON.stringify({
            deleted: true
        }), mayReplace);
    } catch (e) {
        removeEntry(store, slot, mayReplace);
        retireIfRoom(store, version, slot);
    }
}
function retireIfRoom(store, version, slot) {
    try {
        if (version) retire(store, version, slot);
    } catch (e) {}
}
function slotsOfOwner(store, version, owner) {
    if (isFileKey(owner)) return [
        owner
    ];
    if (owner !== "*all" /* ALL_NAMES */) return [
        owner,
        rsaKey(owner)
    ];
    try {
        var names = serverNamesOf(readLeaf(readVersion(store, version)));
        return names.reduce(function(all, name) {
            return all.concat(slotKeys(name, true, false));
        }, []);
    } catch (e) {
        return [];
    }
}
// src/certs/keep.ts
/**
 * Keeps the result of a look at a slot's files in the store. A fault of the store is logged once, and not thrown.
 *
 * @param slot its key
 * @param current the slot's state before the look
 * @param attempt at the slot's lock. Without the lock a version is written, so that it can be served, but no entry
 * @returns the record to keep in the zone: that of a version where the store could be written
 */
function keepInStore(context, slot, current, result, attempt) {
    var _a;
    var store = context.store, settings = context.settings;
    var record = result.record, pair = result.pair;
    if (!store) {
        if (settings.store && pair) countFault(context);
        return record;
    }
    var mayPlace = attempt.state === "no-room" || attempt.isLocked();
    try {
        var kept = holdsPair(record) ? keepPair(context, store, slot, current, result, mayPlace) : record;
        if (record === "" && mayPlace) dropStored(store, slot, current);
        if (kept !== record) sayFault(context, "");
        return kept;
    } catch (e) {
        sayFault(context, e.message);
        if (!holdsPair(record) || isVersion(record)) return record;
        return ((_a = readMeta(record)) == null ? void 0 : _a.isUnproven) ? withoutUnproven(current, result) : pastStore(context, store, current, record);
    }
}
function withoutUnproven(current, result) {
    delete result.message;
    delete result.warning;
    delete result.result;
    return current.record || "";
}
function pastStore(param, store, current, record) {
    var token = param.token;
    var known = {
        store: store.id,
        before: current.version
    };
    var noted = withMeta(record, token, Object.assign({}, readMeta(record), known));
    return withCheckedAt(noted, checkedAtText(record));
}
function keepPair(context, store, slot, current, result, mayPlace) {
    var record = result.record;
    var meta = readMeta(record);
    if (!isVersion(record) || meta.store !== store.id) {
        return storeAnew(context, store, slot, current, result, mayPlace);
    }
    if (mayPlace) placeIfChanged(context, store, slot, current, record, meta);
    return record;
}
function storeAnew(context, store, slot, current, param, mayPlace) {
    var record = param.record, pair = param.pair;
    var meta = readMeta(record);
    var version = writePair(store, pair || pairOf(record), [
        slot
    ], false);
    meta.store = store.id;
    meta.before = current.version;
    if (mayPlace) {
        replaceVersion(context, store, slot, current.version, version, meta, isStill(current));
    }
    var stored = makeVersionRecord(context.token, meta, versionPath(store, version));
    return withCheckedAt(stored, checkedAtText(record));
}
function isStill(param) {
    var version = param.version, entry = param.entry;
    return function(held) {
        return entry ? held === entry : versionOfEntry(held) === version;
    };
}
function pairOf(record) {
    return readPair(pemIn(record));
}
function placeIfChanged(context, store, slot, current, record, meta) {
    var version = versionIn(record);
    var isCleared2 = isNameCleared(current.entry);
    if (meta.problem && version === current.version) {
        var seen = withToken(current.entry, context.storeToken);
        if (isCleared2) placeEntry(store, slot, seen, isStill(current));
        return;
    }
    var isNew = entryOfVersion(version, tokenIn(current.entry), meta) !== current.entry;
    if (!isNew && !isCleared2) return;
    replaceVersion(context, store, slot, current.version, version, meta, isStill(current));
}
/**
 * Makes a version the entry of a slot. The version before it is noted first: a worker may be killed in between.
 *
 * @param before the version that the slot has; '' for none
 * @param meta as in `entryOfVersion`
 * @param mayReplace as in `placeEntry`
 * @throws Error of the file system. The entry that was there stays
 */
function replaceVersion(param, store, slot, before, version, meta, mayReplace) {
    var storeToken = param.storeToken;
    if (before && before !== version) retire(store, before, slot);
    placeEntry(store, slot, entryOfVersion(version, storeToken, meta), mayReplace);
}
function dropStored(store, slot, current) {
    if (current.version) placeMark(store, slot, current.version, isStill(current));
}
/**
 * Keeps the pointer of a slot in the store. After a restart the names of scanned files are served before the scan comes to them.
 * A version that is not the one that this nginx knows stays: another one has put it.
 *
 * @param slot its key
 * @param held the slot's record
 * @param file the key of a file; '' where the slot has no pointer any more
 * @param others the keys of other files with a certificate for the name
 */
function keepPointer(context, slot, held, file, others) {
    var _a;
    var store = context.store;
    if (!store) return;
    var version = isVersion(held) ? versionIn(held) : ((_a = readMeta(held)) == null ? void 0 : _a.before) || "";
    var isKnown = function isKnown(entry) {
        return versionOfEntry(entry) === version;
    };
    try {
        if (version) retire(store, version, slot);
        if (file) placePointer(store, slot, file, others, isKnown);
        else removeEntry(store, slot, isKnown);
    } catch (e) {
        sayFault(context, e.message);
    }
}
/** Counts a pair that the store could not take. */
function countFault(param) {
    var zone = param.zone;
    if (zone) count(zone, "store_failures_total", "");
}
/**
 * Counts a fault of the store, and logs it where it is not the last one.
 *
 * @param fault '' where the store could be written: a later fault is logged again then
 */
function sayFault(context, fault) {
    var r = context.r, zone = context.zone;
    if (fault) countFault(context);
    var reason = fault.slice(fault.lastIndexOf(": ") + 1).trim();
    if (zone ? isNewToSay(zone, "store-write", reason) : fault) {
        r.error("cert_rotation: the store cannot be written: ".concat(fault, "; pairs go to nginx as text"));
    }
}
// src/certs/pointers.ts
var RESERVED = 1 / 16;
/** Whether the zone has room for more pairs of a scan. */
function isRoomy(zone) {
    var _spaceOf = spaceOf(zone), capacity = _spaceOf.capacity, free2 = _spaceOf.free;
    return free2 >= capacity * RESERVED;
}
/** The slots that serve a certificate: those of its names, in the RSA slot where it has an RSA key and there is one. */
function slotsFor(settings, names, isRsa2) {
    return isRsa2 && settings.certFileRsa !== "" ? names.map(rsaKey) : names;
}
/**
 * Stores or drops a file's record, and changes the pointers accordingly. The caller must hold the file's lock.
 *
 * @param key the file's key
 * @param record the new record; '' drops the current one
 * @returns false, with nothing written, where another worker holds the lock of one of the slots
 */
function keepFile(context, zone, key, record) {
    var _a, _b, _c;
    var settings = context.settings;
    var names = ((_b = (_a = readMeta(findRecord(zone, key) || "")) == null ? void 0 : _a.found) == null ? void 0 : _b.names) || [];
    var found = (_c = readMeta(record)) == null ? void 0 : _c.found;
    var slots = found ? slotsFor(settings, found.names, found.isRsa) : [];
    var left = names.concat(names.map(rsaKey)).filter(function(slot) {
        return slots.indexOf(slot) < 0;
    });
    return tryWithLocks(zone, slots.concat(left), function(param) {
        var state = param.state;
        if (state === "busy") return false;
        left.forEach(function(slot) {
            takePointer(context, zone, slot, key);
        });
        storeFile(zone, key, record);
        slots.forEach(function(slot) {
            putPointer(context, zone, slot, key);
        });
        return true;
    });
}
function storeFile(zone, key, record) {
    if (record === "") {
        removeRecord(zone, key);
        return;
    }
    var hasPlace = isRoomy(zone) || holdsPair(findRecord(zone, key) || "");
    if (hasPlace && putRecord(zone, key, record)) return;
    removeRecord(zone, key);
    putRecord(zone, key, markStale(makeRecord("000000000000" /* FIRST_TOKEN */, readMeta(record), null)));
}
function putPointer(context, zone, slot, key) {
    var settings = context.settings;
    var held = heldIn(context, zone, slot);
    var meta = readMeta(held);
    var isOwn = scannedFileOf(settings, slot) === key;
    if (meta && holdsPair(held) && !givesWay(settings, meta, isOwn, readMeta(findRecord(zone, key) || ""))) return;
    var known = isPointer(held) && meta ? filesIn(held, meta) : [];
    pointTo(context, zone, slot, known.indexOf(key) < 0 ? known.concat(key) : known);
}
function heldIn(context, zone, slot) {
    var record = findRecord(zone, slot);
    return (record === void 0 ? currentOf(context, slot, void 0).record : record) || "";
}
function takePointer(context, zone, slot, key) {
    var held = heldIn(context, zone, slot);
    var meta = readMeta(held);
    if (!isPointer(held) || !meta) return;
    var known = filesIn(held, meta);
    if (known.indexOf(key) < 0) return;
    pointTo(context, zone, slot, known.filter(function(one) {
        return one !== key;
    }));
}
function givesWay(settings, meta, isOwn, file) {
    if (meta.source === "disk") return isOwn;
    if (meta.source === "etcd" && settings.followsEtcd) return false;
    var isNewer2 = file !== null && meta.loadedAt < file.loadedAt;
    return meta.files === "" && (meta.isCleared === true || isNewer2);
}
function filesIn(pointer, meta) {
    return [
        targetOf(pointer)
    ].concat(meta.others || []);
}
function pointTo(context, zone, slot, keys) {
    var held = heldIn(context, zone, slot);
    var meta = readMeta(held);
    var files = keys.length > 1 ? ranked(context.settings, zone, slot, keys) : keys;
    var best = files[0];
    var others = files.slice(1);
    if (best === void 0) {
        keepPointer(context, slot, held, "", []);
        removeRecord(zone, slot);
        return;
    }
    var rest = others.length > 0 ? {
        others: others
    } : {};
    if ((meta == null ? void 0 : meta.problem) && !holdsPair(held)) {
        rest.files = meta.files;
        rest.problem = meta.problem;
        if (meta.etcd !== void 0) rest.etcd = meta.etcd;
    }
    var isSame = isPointer(held) && meta !== null && targetOf(held) === best && (meta.others || []).join() === others.join();
    if (!isSame) keepPointer(context, slot, held, best, others);
    if (!isSame || findRecord(zone, slot) === void 0) {
        putRecord(zone, slot, makePointer(best, rest));
    }
}
function ranked(settings, zone, slot, keys) {
    var now = Date.now() / 1e3;
    var name = nameOf(slot);
    var own = scannedFileOf(settings, slot);
    var candidates = [];
    keys.forEach(function(key) {
        var meta = readMeta(findRecord(zone, key) || "");
        if (!(meta == null ? void 0 : meta.found) || meta.found.names.indexOf(name) < 0) return;
        var notAfter = meta.notAfter, found = meta.found;
        var isValid = found.notBefore <= now && now <= notAfter;
        candidates.push({
            key: key,
            isOwn: key === own,
            isValid: isValid,
            notAfter: notAfter
        });
    });
    return candidates.sort(better).map(function(param) {
        var key = param.key;
        return key;
    });
}
function better(a, b) {
    if (a.isOwn !== b.isOwn) return a.isOwn ? -1 : 1;
    if (a.isValid !== b.isValid) return a.isValid ? -1 : 1;
    if (a.notAfter !== b.notAfter) return b.notAfter - a.notAfter;
    return a.key < b.key ? -1 : 1;
}
// src/certs/refresh.ts
function tell(param, zone, result) {
    var r = param.r;
    if (result.result) count(zone, "loads_total", 'result="'.concat(result.result, '"'));
    if (result.code) count(zone, "refusals_total", refusalLabels("disk", result.code));
    if (result.warning !== void 0) r.warn(result.warning);
    if (result.message === void 0) return;
    if (result.isError) r.error(result.message);
    else r.log(result.message);
}

stages.start_scan = start_scan;
return {
    readFiles: readFiles,
    refused: refused,
    adopt: adopt,
    slotsOfOwner: slotsOfOwner,
    keepInStore: keepInStore,
    keepFile: keepFile,
    tell: tell
};
/** Made for a scan. */
function start_scan() {
function asyncGeneratorStep(gen, resolve, reject, _next, _throw, key, arg) {
    try {
        var info = gen[key](arg);
        var value = info.value;
    } catch (error) {
        reject(error);
        return;
    }
    if (info.done) resolve(value);
    else Promise.resolve(value).then(_next, _throw);
}
function _async_to_generator(fn) {
    return function() {
        var self = this, args = arguments;
        return new Promise(function(resolve, reject) {
            var gen = fn.apply(self, args);
            function _next(value) {
                asyncGeneratorStep(gen, resolve, reject, _next, _throw, "next", value);
            }
            function _throw(err) {
                asyncGeneratorStep(gen, resolve, reject, _next, _throw, "throw", err);
            }
            _next(undefined);
        });
    };
}
function _ts_generator(thisArg, body) {
    var f, y, t, _ = {
        label: 0,
        sent: function() {
            if (t[0] & 1) throw t[1];
            return t[1];
        },
        trys: [],
        ops: []
    }, g = Object.create((typeof Iterator === "function" ? Iterator : Object).prototype), d = Object.defineProperty;
    return d(g, "next", {
        value: verb(0)
    }), d(g, "throw", {
        value: verb(1)
    }), d(g, "return", {
        value: verb(2)
    }), typeof Symbol === "function" && d(g, Symbol.iterator, {
        value: function() {
            return this;
        }
    }), g;
    function verb(n) {
        return function(v) {
            return step([
                n,
                v
            ]);
        };
    }
    function step(op) {
        if (f) throw new TypeError("Generator is already executing.");
        while(g && (g = 0, op[0] && (_ = 0)), _)try {
            if (f = 1, y && (t = op[0] & 2 ? y["return"] : op[0] ? y["throw"] || ((t = y["return"]) && t.call(y), 0) : y.next) && !(t = t.call(y, op[1])).done) return t;
            if (y = 0, t) op = [
                op[0] & 2,
                t.value
            ];
            switch(op[0]){
                case 0:
                case 1:
                    t = op;
                    break;
                case 4:
                    _.label++;
                    return {
                        value: op[1],
                        done: false
                    };
                case 5:
                    _.label++;
                    y = op[1];
                    op = [
                        0
                    ];
                    continue;
                case 7:
                    op = _.ops.pop();
                    _.trys.pop();
                    continue;
                default:
                    if (!(t = _.trys, t = t.length > 0 && t[t.length - 1]) && (op[0] === 6 || op[0] === 2)) {
                        _ = 0;
                        continue;
                    }
                    if (op[0] === 3 && (!t || op[1] > t[0] && op[1] < t[3])) {
                        _.label = op[1];
                        break;
                    }
                    if (op[0] === 6 && _.label < t[1]) {
                        _.label = t[1];
                        t = op;
                        break;
                    }
                    if (t && _.label < t[2]) {
                        _.label = t[2];
                        _.ops.push(op);
                        break;
                    }
                    if (t[2]) _.ops.pop();
                    _.trys.pop();
                    continue;
            }
            op = body.call(thisArg, _);
        } catch (e) {
            op = [
                6,
                e
            ];
            y = 0;
        } finally{
            f = t = 0;
        }
        if (op[0] & 5) throw op[1];
        return {
            value: op[0] ? op[1] : void 0,
            done: true
        };
    }
}

// ======== engine/: what the njs engine lacks: refusals with codes, session types, clock, timers, workers
// src/engine/session.ts
/** The caller that a call of `js_periodic` is. Its session has no methods to log with. */
function callerOf(param) {
    var variables = param.variables;
    return {
        variables: variables,
        log: function log(message) {
            ngx.log(ngx.INFO, message);
        },
        warn: function warn(message) {
            ngx.log(ngx.WARN, message);
        },
        error: function error(message) {
            ngx.log(ngx.ERR, message);
        }
    };
}
// src/engine/yielding.ts
/**
 * Lets the worker serve its other connections for as long as the caller kept it from them.
 *
 * @param since the time at which the caller began, in milliseconds since 1970
 */
function yieldFor(since) {
    return sleep(2 * (Date.now() - since) + 1);
}
function sleep(ms) {
    return new Promise(function(resolve2) {
        return setTimeout(resolve2, ms);
    });
}

// ======== config/: what the nginx variables say: settings, slots and paths
// src/config/scan_pattern.ts
/**
 * Reads `$cert_scan`. The `*` is in the last part of the path, or, for a folder per certificate, in the part before that.
 *
 * @param text such as `/etc/nginx/tls/*.crt`
 * @throws malformed
 */
function readScanPattern(text) {
    var parts = text.split("/");
    var at = parts.map(function(part2) {
        return part2.indexOf("*") >= 0;
    }).indexOf(true);
    var part = (parts[at] || "").split("*");
    var hasOneStar = text.split("*").length === 2 && text.indexOf("{name}") < 0;
    var isLate = at > 0 && at >= parts.length - 2;
    if (text.charAt(0) !== "/" || !hasOneStar || !isLate || parts[parts.length - 1] === "") {
        refuse("malformed", '$cert_scan "'.concat(text, '" has to be an absolute path with one * in its last part or the one before that, such as /etc/letsencrypt/live/*/fullchain.pem'));
    }
    return {
        folder: parts.slice(0, at).join("/") || "/",
        prefix: part[0],
        suffix: part[1]
    };
}
/**
 * The stems of the folder's entries, which are the texts that `*` stands for. As in a shell, an entry that begins with a dot has
 * none.
 *
 * @param entries the names in the folder
 */
function stemsIn(param, entries) {
    var prefix = param.prefix, suffix = param.suffix;
    var fixed = prefix.length + suffix.length;
    var stems = [];
    for(var i = 0; i < entries.length; i++){
        var entry = entries[i];
        var isMatch = entry.length > fixed && entry.startsWith(prefix) && entry.endsWith(suffix);
        if (isMatch && entry.charAt(0) !== ".") stems.push(entry.slice(prefix.length, entry.length - suffix.length));
    }
    return stems;
}

// ======== zone/: the shared dictionary: records, locks, negative answers, notes and counts
// src/zone/notes.ts
/** The state of the scan, as `putScan` got it; undefined where there is none. */
function findScan(zone) {
    return zone.get("#scan" /* SCAN_KEY */);
}
/**
 * Stores the state of the scan.
 *
 * @returns false where the zone has no room
 */
function putScan(zone, state) {
    return replaceValue(zone, "#scan" /* SCAN_KEY */, state);
}
/** A part of the list of files to scan; '' where there is none of that number. */
function findScanPart(zone, number) {
    return zone.get("".concat("#scan" /* SCAN_KEY */, ":").concat(number)) || "";
}
/**
 * Stores a part of the list of files to scan.
 *
 * @param part '' removes it
 * @returns false where the zone has no room
 */
function putScanPart(zone, number, part) {
    var key = "".concat("#scan" /* SCAN_KEY */, ":").concat(number);
    if (part !== "") return replaceValue(zone, key, part);
    zone.delete(key);
    return true;
}
// src/zone/summary.ts
/**
 * Reads the summary of a scanned file.
 *
 * @param text of `summaryOf` with `isFile`, or of `summaryOfLeftOut`
 */
function readFileSummary(text) {
    var lines = text.split("\n");
    return {
        files: lines[1] || "",
        names: lines[3] ? lines[3].split(" ") : [],
        isRsa: lines[2] === "RSA"
    };
}
// src/zone/slots.ts
/**
 * The summary of a slot's record. A pointer has that of the file's record.
 *
 * @returns '' where the record was removed meanwhile
 */
function findSummary(zone, slot) {
    var summary = zone.get("#summary:" /* SUMMARY_PREFIX */ + slot);
    if (summary !== void 0) return summary;
    var record = findRecord(zone, slot) || "";
    if (isPointer(record)) return findSummary(zone, targetOf(record));
    return summaryOf(record, isFileKey(slot));
}

// ======== certs/: decides which pair a name is served, and whether a pair may take its place
// src/certs/pointers.ts
/**
 * Makes a slot's pointer lead to a file, or to the best of the files that it knows.
 *
 * @param key the file's key
 * @returns false where another worker holds the slot's lock
 */
function restorePointer(context, zone, slot, key) {
    return tryWithLocks(zone, [
        slot
    ], function(param) {
        var state = param.state;
        if (state === "busy") return false;
        putPointer(context, zone, slot, key);
        return true;
    });
}
/** Whether a slot's record is a pointer to one file alone, and notes no problem of the name's own files. */
function pointsOnlyTo(record, key) {
    if (record === void 0 || !isPointer(record) || targetOf(record) !== key) return false;
    var meta = readMeta(record);
    return meta !== null && !meta.others && !meta.problem && !meta.files;
}

// ======== scan/: finds the certificates of a folder, a slice of work at a time
// src/scan/state.ts
/** @returns null where no scan has begun */
function readScanState(zone) {
    var text = findScan(zone);
    return text === void 0 ? null : JSON.parse(text);
}
/** @returns false where the zone has no room */
function writeScanState(zone, state) {
    var text = JSON.stringify(state);
    while(text.length < 1024 /* STATE_LENGTH */)text += " ";
    return putScan(zone, text);
}
/**
 * The part of the list that has a stem.
 *
 * @param number of the stem in the list
 * @returns the stems of the part, and the index of the stem in these
 */
function stemsAt(zone, number) {
    var part = findScanPart(zone, Math.floor(number / 64 /* PART_LENGTH */));
    return {
        stems: part ? part.split("/" /* SEPARATOR */) : [],
        at: number % 64 /* PART_LENGTH */
    };
}
/**
 * All stems of the list.
 *
 * @param count the number of stems
 */
function listedStems(zone, count2) {
    var parts = [];
    for(var at = 0; at < count2; at += 64 /* PART_LENGTH */)parts.push(findScanPart(zone, at / 64 /* PART_LENGTH */));
    var text = parts.filter(function(part) {
        return part !== "";
    }).join("/" /* SEPARATOR */);
    return text ? text.split("/" /* SEPARATOR */) : [];
}
/**
 * Replaces the list.
 *
 * @param before the number of stems in the list until now
 * @returns false where the zone has no room
 */
function writeStems(zone, stems, before) {
    var hasRoom2 = true;
    for(var at = 0; at < Math.max(stems.length, before); at += 64 /* PART_LENGTH */){
        var part = stems.slice(at, at + 64 /* PART_LENGTH */).join("/" /* SEPARATOR */);
        hasRoom2 = putScanPart(zone, at / 64 /* PART_LENGTH */, part) && hasRoom2;
    }
    return hasRoom2;
}
// src/scan/pass.ts
/**
 * Does one slice of a scan, if one is due and no other worker is doing one. A scan is finished before the next one begins, so that
 * it reaches the last file however often scans are requested.
 *
 * @param since in milliseconds since 1970: the caller needs a scan that began later; 0 for any
 * @param effort of the call, which this slice is added to
 * @returns `done` where no scan is due any more, or where there can be none
 */
function scanSlice(caller, since, effort) {
    var context = contextOf(caller);
    var zone = context.zone, settings = context.settings;
    sweepIfDue(context);
    if (!settings.scan) return "done";
    if (!zone) {
        if (Date.now() % 6e4 /* MINUTE_MS */ < 500 /* SCAN_INTERVAL_MS */) caller.error("cert_rotation: scan: there is no js_shared_dict_zone to store the certificates in" /* NO_ZONE */);
        return "done";
    }
    if (!isDue(context, readScanState(zone), since)) return "done";
    return tryWithLocks(zone, [
        "#scan" /* SCAN_LOCK */
    ], function(param) {
        var lockState = param.state;
        if (lockState === "busy") return "more";
        var end = Date.now() + 5 /* SLICE_MS */;
        var previous = readScanState(zone);
        if (!isDue(context, previous, since)) return "done";
        var state = previous;
        if (!state || state.ended || state.settings !== scanSettingsOf(settings)) {
            state = newScan(context, zone, previous, since);
        } else {
            checkStems(context, zone, state, end, effort);
        }
        if (effort.lacksRoom && !state.fault) state.fault = "the zone has no room for all files and their names; give js_shared_dict_zone a larger size" /* NO_ROOM_FOR_NAMES */;
        if (state.fault && state.fault !== state.logged) caller.error("cert_rotation: scan: ".concat(state.fault));
        if (state.fault) state.logged = state.fault;
        if (state.done >= state.count) {
            state.ended = Date.now();
            if (!state.fault) state.logged = "";
        }
        if (!writeScanState(zone, state)) return "done";
        return state.ended && state.began > since ? "done" : "more";
    });
}
function isDue(param, state, since) {
    var settings = param.settings, token = param.token, interval = param.interval;
    if (!state || !state.ended || state.began <= since) return true;
    if (state.settings !== scanSettingsOf(settings) || state.token !== token) return true;
    var age = Date.now() - state.began;
    return age < 0 || interval > 0 && age >= Math.max(interval, state.count / 2e3 /* RATE */ * 1e3);
}
function scanSettingsOf(settings) {
    return [
        settings.scan,
        settings.keyFile,
        settings.certFileRsa ? "RSA" : ""
    ].join("\n");
}
function newScan(context, zone, previous, since) {
    var began = Math.max(Date.now(), since + 1);
    var _listStems = listStems(context, zone, previous), folder = _listStems.folder, count2 = _listStems.count, fault = _listStems.fault;
    return {
        settings: scanSettingsOf(context.settings),
        folder: folder,
        token: context.token,
        began: began,
        count: count2,
        done: 0,
        ended: 0,
        fault: fault,
        logged: previous ? previous.logged : ""
    };
}
function listStems(param, zone, previous) {
    var settings = param.settings;
    var before = previous ? previous.count : 0;
    var folder;
    var stems = [];
    var fault = "";
    try {
        var pattern = readScanPattern(settings.scan);
        folder = stampOf({
            cert: pattern.folder,
            key: pattern.folder
        });
        var isUnchanged2 = folder !== "" && (previous == null ? void 0 : previous.folder) === folder;
        if (isUnchanged2 && previous.settings === scanSettingsOf(settings)) {
            return {
                folder: folder,
                count: before,
                fault: ""
            };
        }
        if (!isSettled(folder)) folder = "";
        stems = stemsIn(pattern, listFolder(pattern.folder));
    } catch (e) {
        folder = "";
        fault = e.message;
    }
    var isListed2 = {};
    for(var i = 0; i < stems.length; i++)isListed2["/" + stems[i]] = true;
    var gone = listedStems(zone, before).filter(function(stem) {
        return !isListed2["/" + stem] && findSummary(zone, fileKey(stem)) !== "";
    });
    stems = stems.concat(gone);
    if (!writeStems(zone, stems, before)) {
        fault = "the zone has no room for all files and their names; give js_shared_dict_zone a larger size" /* NO_ROOM_FOR_NAMES */;
        folder = "";
    }
    return {
        folder: folder,
        count: stems.length,
        fault: fault
    };
}
function checkStems(context, zone, state, end, effort) {
    var _stemsAt = stemsAt(zone, state.done), stems = _stemsAt.stems, at = _stemsAt.at;
    while(state.done < state.count){
        var stem = stems[at];
        if (stem !== void 0 && !checkStem(context, zone, stem, effort)) return;
        state.done++;
        at++;
        if (Date.now() >= end) return;
        var ref;
        if (at >= stems.length) ref = stemsAt(zone, state.done), stems = ref.stems, at = ref.at, ref;
    }
}
function checkStem(context, zone, stem, effort) {
    var key = fileKey(stem);
    try {
        return indexFile(context, zone, key, effort);
    } catch (e) {
        context.r.error("cert_rotation: scan: ".concat(slotPaths(context.settings, key).cert, ": ").concat(e.message));
        return true;
    }
}
function indexFile(context, zone, key, effort) {
    var stamp = stampOfSlot(context.settings, key);
    var summary = findSummary(zone, key);
    effort.checked++;
    var known = readFileSummary(summary);
    if (!stamp && findRecord(zone, key) === void 0) {
        noteLeftOut(zone, key, "");
        return true;
    }
    if (!summary || stamp === "" || stamp !== known.files) {
        effort.read++;
        var loaded2 = refreshSlot(context, key);
        var record = findRecord(zone, key);
        if (record !== void 0 && holdsPair(record) && isCleared(record, context.token)) return false;
        if (loaded2 && record === void 0) {
            if (isRoomy(zone)) return false;
            effort.lacksRoom = true;
        }
        known = readFileSummary(findSummary(zone, key));
    }
    var slots = slotsFor(context.settings, known.names, known.isRsa);
    var isBusy = slots.filter(function(slot) {
        return !ensurePointer(context, zone, slot, key);
    }).length > 0;
    if (!isBusy && slots.some(function(slot) {
        return findRecord(zone, slot) === void 0;
    })) effort.lacksRoom = true;
    return !isBusy;
}
function ensurePointer(context, zone, slot, key) {
    var record = findRecord(zone, slot);
    if (pointsOnlyTo(record, key)) return true;
    if (record !== void 0 && holdsPair(record) && isCleared(record, context.token)) refreshSlot(context, slot);
    return restorePointer(context, zone, slot, key);
}
// src/scan/scan.ts
var CALL_MS = 500 /* SCAN_INTERVAL_MS */ - 100;
/**
 * Keeps the index of the certificates under `$cert_scan`, for `js_periodic` with an interval of 500 ms. All files are checked when
 * nginx starts, after each clear, and once `$cert_check_interval` is over; those that have changed are read.
 */
function scan(session) {
    return _async_to_generator(function() {
        var caller, effort, end, now, longest, e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    caller = callerOf(session);
                    _state.label = 1;
                case 1:
                    _state.trys.push([
                        1,
                        5,
                        ,
                        6
                    ]);
                    effort = {
                        read: 0,
                        checked: 0,
                        lacksRoom: false
                    };
                    end = Date.now() + CALL_MS;
                    now = Date.now();
                    longest = 0;
                    _state.label = 2;
                case 2:
                    if (!(now + longest < end && mayDoMore(effort))) return [
                        3,
                        4
                    ];
                    if (scanSlice(caller, 0, effort) === "done") return [
                        2
                    ];
                    return [
                        4,
                        yieldFor(now)
                    ];
                case 3:
                    _state.sent();
                    longest = Math.max(longest, Date.now() - now);
                    now = Date.now();
                    return [
                        3,
                        2
                    ];
                case 4:
                    return [
                        3,
                        6
                    ];
                case 5:
                    e = _state.sent();
                    caller.error("cert_rotation: scan: ".concat(e.message));
                    return [
                        3,
                        6
                    ];
                case 6:
                    return [
                        2
                    ];
            }
        });
    })();
}
function mayDoMore(param) {
    var read = param.read, checked = param.checked;
    return read < 200 /* MOST_READ */ && checked < 2500 /* MOST_CHECKED */;
}

stages.start_etcd = start_etcd;
return {
    scan: scan
};
/** Made for etcd. */
function start_etcd() {

// ======== engine/: what the njs engine lacks: refusals with codes, session types, clock, timers, workers
// src/engine/webcrypto.ts
/** The WebCrypto of the engine. */
function subtle() {
    return crypto.subtle;
}
// src/engine/yielding.ts
/**
 * Lets the worker serve its other connections once: it takes one step in each pending handshake, and accepts another connection.
 *
 * The pause is a millisecond, because nginx runs a timer of 0 ms before it serves any connection.
 */
function yieldOnce() {
    return sleep(1);
}
/**
 * Divides long work, which begins now, into slices.
 *
 * @returns a function to await after each step of the work: at the end of a slice it lets the worker serve its connections
 */
function timeSlicer() {
    var began = Date.now();
    return function() {
        return _async_to_generator(function() {
            return _ts_generator(this, function(_state) {
                switch(_state.label){
                    case 0:
                        if (Date.now() - began < 5 /* SLICE_MS */) return [
                            2
                        ];
                        return [
                            4,
                            yieldFor(began)
                        ];
                    case 1:
                        _state.sent();
                        began = Date.now();
                        return [
                            2
                        ];
                }
            });
        })();
    };
}

// ======== x509/: PEM, certificates, keys and server names: functions of their arguments alone
// src/x509/private_key.ts
/**
 * The key as PKCS#8, the only form that WebCrypto takes. An RSA-PSS key becomes an unrestricted RSA key, because WebCrypto reads no
 * RSA-PSS keys.
 */
function pkcs8Of(key) {
    var rsa = write(6 /* OBJECT_IDENTIFIER */, "2a864886f70d010101" /* RSA_ENCRYPTION */) + "0500";
    if (key.label === "RSA PRIVATE KEY") return Buffer.from(pkcs8Hex(rsa, key.der.toString("hex")), "hex");
    if (key.label === "EC PRIVATE KEY" && key.curve !== null) {
        var curve = write(6 /* OBJECT_IDENTIFIER */, identifierOf(key.curve));
        var algorithm2 = write(6 /* OBJECT_IDENTIFIER */, "2a8648ce3d0201" /* EC_PUBLIC_KEY */) + curve;
        return Buffer.from(pkcs8Hex(algorithm2, key.der.toString("hex")), "hex");
    }
    if (key.kind !== "RSA-PSS") return key.der;
    var parts = children(readWhole(key.der, 48 /* SEQUENCE */, "a private key"));
    return Buffer.from(pkcs8Hex(rsa, hexOf(parts[2])), "hex");
}
// src/x509/key_proof.ts
/**
 * Proves that the key belongs to the leaf: signs with the key, and verifies the signature with the leaf. This also finds a key
 * whose public part is right and whose private part is not. It takes as long as two signatures, too long for a handshake.
 *
 * njs's WebCrypto has RSA and NIST's curves, Ed25519 from njs 0.9.7 on, and neither Ed448, ML-DSA nor the curves of RFC 5639.
 *
 * @returns false where this engine cannot use keys of the kind
 * @throws (rejects with) key-mismatch, malformed
 */
function proveKey(pair) {
    return _async_to_generator(function() {
        var _pair_privateKey, kind, curve, algorithm2, publicKey, privateKey, probe, isProven, signature, e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    _pair_privateKey = pair.privateKey, kind = _pair_privateKey.kind, curve = _pair_privateKey.curve;
                    if (curve !== null && !isNist(curve)) return [
                        2,
                        false
                    ];
                    algorithm2 = curve !== null ? {
                        name: "ECDSA",
                        namedCurve: curve,
                        hash: "SHA-256"
                    } : {
                        name: kind.slice(0, 3) === "RSA" ? "RSASSA-PKCS1-v1_5" : kind,
                        hash: "SHA-256"
                    };
                    return [
                        4,
                        importOrNull("spki", publicKeyInfo(pair.leaf), algorithm2, "verify")
                    ];
                case 1:
                    publicKey = _state.sent();
                    if (publicKey === null) {
                        if (pair.keyProven) refuse("malformed", "the certificate's public key cannot be used");
                        return [
                            2,
                            false
                        ];
                    }
                    return [
                        4,
                        importOrNull("pkcs8", pkcs8Of(pair.privateKey), algorithm2, "sign")
                    ];
                case 2:
                    privateKey = _state.sent();
                    if (privateKey === null) return [
                        2,
                        refuse("malformed", "the private key cannot be used")
                    ];
                    probe = Buffer.from("njs-cert-rotation" /* PROBE */);
                    isProven = false;
                    _state.label = 3;
                case 3:
                    _state.trys.push([
                        3,
                        6,
                        ,
                        7
                    ]);
                    return [
                        4,
                        subtle().sign(algorithm2, privateKey, probe)
                    ];
                case 4:
                    signature = _state.sent();
                    return [
                        4,
                        subtle().verify(algorithm2, publicKey, signature, probe)
                    ];
                case 5:
                    isProven = _state.sent();
                    return [
                        3,
                        7
                    ];
                case 6:
                    e = _state.sent();
                    return [
                        3,
                        7
                    ];
                case 7:
                    if (isProven) return [
                        2,
                        true
                    ];
                    return [
                        4,
                        clearOpenSslErrors(algorithm2)
                    ];
                case 8:
                    _state.sent();
                    return [
                        2,
                        refuse("key-mismatch", "the private key is not the certificate's")
                    ];
            }
        });
    })();
}
function clearOpenSslErrors(algorithm2) {
    return _async_to_generator(function() {
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    return [
                        4,
                        importOrNull("spki", Buffer.from("none"), algorithm2, "verify")
                    ];
                case 1:
                    _state.sent();
                    return [
                        2
                    ];
            }
        });
    })();
}
function importOrNull(format, key, algorithm2, usage) {
    return _async_to_generator(function() {
        var e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    _state.trys.push([
                        0,
                        2,
                        ,
                        3
                    ]);
                    return [
                        4,
                        subtle().importKey(format, key, algorithm2, false, [
                            usage
                        ])
                    ];
                case 1:
                    return [
                        2,
                        _state.sent()
                    ];
                case 2:
                    e = _state.sent();
                    return [
                        2,
                        null
                    ];
                case 3:
                    return [
                        2
                    ];
            }
        });
    })();
}
function publicKeyInfo(leaf) {
    var info = leaf.publicKeyInfo;
    if (leaf.publicKey.kind !== "RSA-PSS") return Buffer.from(hexOfWhole(info), "hex");
    var key = readTagged(info, readTagged(info, info.start, 48 /* SEQUENCE */, "a key algorithm").end, 3 /* BIT_STRING */, "a public key");
    var algorithm2 = write(6 /* OBJECT_IDENTIFIER */, "2a864886f70d010101" /* RSA_ENCRYPTION */) + write(5 /* NULL */, "");
    return Buffer.from(write(48 /* SEQUENCE */, write(48 /* SEQUENCE */, algorithm2) + hexOfWhole(key)), "hex");
}

// ======== disk/: files, and the store of versions: what is written is whole whenever a worker is killed
// src/disk/place.ts
/**
 * Makes a symlink under a name, and replaces the one that is there.
 *
 * @throws Error of the file system, with the path. The link that was there stays
 */
function placeLink(store, path, target) {
    place(store, path, function(temporary) {
        makeLink(target, temporary);
    });
}
// src/disk/entries.ts
/**
 * The store's note which history of etcd its pairs come from.
 *
 * @returns undefined where there is none
 * @throws Error of the file system
 */
function readHistory(param) {
    var root = param.root;
    return readLink("".concat(root, "/etcd"));
}
/**
 * Replaces that note.
 *
 * @throws Error of the file system. The note that was there stays
 */
function placeHistory(store, text) {
    placeLink(store, "".concat(store.root, "/etcd"), text);
}
/**
 * The shards of one kind of slots.
 *
 * @param folder `names`, `rsa` or `files`
 * @param toSlot as in Shard
 */
function shardsOf(param, folder, toSlot) {
    var root = param.root;
    return listIfThere("".concat(root, "/").concat(folder)).map(function(shard) {
        return {
            path: "".concat(folder, "/").concat(shard),
            toSlot: toSlot
        };
    });
}
/** The keys of the slots that have entries in a shard. */
function slotsIn(param, param1) {
    var root = param.root, path = param1.path, toSlot = param1.toSlot;
    return listIfThere("".concat(root, "/").concat(path)).map(toSlot);
}

// ======== zone/: the shared dictionary: records, locks, negative answers, notes and counts
// src/zone/locks.ts
/** Whether this worker took a ticket. */
function isOwnTicket(ticket) {
    return workerOf(ticket) === process.pid;
}
/**
 * Waits for some locks and does the work. Requests use it: a pair that a worker read from disk before a request must not be
 * stored after it.
 *
 * @param slots their keys, each once
 * @param work synchronous, so that no lock is broken before its end
 * @throws (rejects with) SharedMemoryError: the zone has no room for the locks; what `work` throws
 */
function withLocks(zone, slots, work) {
    return withAll(zone, slots, ticketOrError, work);
}
/**
 * Waits for some locks as `withLocks` does, for work that makes room in the zone. Where there is no room for a lock the work is
 * done without it: no other worker holds that lock, and none can get it.
 */
function withLocksIfRoom(zone, slots, work) {
    return withAll(zone, slots, tryLock, work);
}
function ticketOrError(zone, slot) {
    var ticket = ticketFor(zone, "#lock:" /* LOCK_PREFIX */ + slot);
    return ticket === void 0 ? {
        state: "busy"
    } : {
        state: "locked",
        ticket: ticket
    };
}
function withAll(zone, slots, take, work) {
    return _async_to_generator(function() {
        var ordered, taken, i, slot, result;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    ordered = slots.slice().sort();
                    _state.label = 1;
                case 1:
                    taken = [];
                    _state.label = 2;
                case 2:
                    _state.trys.push([
                        2,
                        ,
                        9,
                        10
                    ]);
                    i = 0;
                    _state.label = 3;
                case 3:
                    if (!(i < ordered.length)) return [
                        3,
                        8
                    ];
                    slot = ordered[i];
                    result = take(zone, slot);
                    _state.label = 4;
                case 4:
                    if (!(result.state === "busy")) return [
                        3,
                        6
                    ];
                    return [
                        4,
                        yieldOnce()
                    ];
                case 5:
                    _state.sent();
                    result = take(zone, slot);
                    return [
                        3,
                        4
                    ];
                case 6:
                    if (result.state === "locked") taken.push({
                        slot: slot,
                        ticket: result.ticket
                    });
                    _state.label = 7;
                case 7:
                    i++;
                    return [
                        3,
                        3
                    ];
                case 8:
                    if (areLocked(zone, taken)) return [
                        2,
                        work()
                    ];
                    return [
                        3,
                        10
                    ];
                case 9:
                    free(zone, taken);
                    return [
                        7
                    ];
                case 10:
                    return [
                        3,
                        1
                    ];
                case 11:
                    return [
                        2
                    ];
            }
        });
    })();
}
// src/zone/misses.ts
/**
 * Takes back the negative answer for a slot, also one that another worker is about to note.
 *
 * @param name the slot's key
 */
function forgetMissing(misses, name) {
    if (!hasRoom(function() {
        return misses.set(name, "taken-back--" /* TAKEN_BACK */ + timestamp());
    })) misses.delete(name);
}
// src/zone/notes.ts
/** The text of a note; undefined where there is none. */
function findNote(zone, note2) {
    return zone.get("#etcd:" /* NOTE_PREFIX */ + note2);
}
/**
 * Stores a note.
 *
 * @returns false where the zone has no room. The note that was there stays then
 */
function putNote(zone, note2, text) {
    return replaceValue(zone, "#etcd:" /* NOTE_PREFIX */ + note2, text);
}
/** Removes a note. */
function dropNote(zone, note2) {
    zone.delete("#etcd:" /* NOTE_PREFIX */ + note2);
}
// src/zone/summary.ts
/**
 * Reads a summary.
 *
 * @param text of `summaryOf`
 */
function readSummary(text) {
    var first = text.split("\n")[0];
    var _first_split = _sliced_to_array(first.split(" "), 3), tmp = _first_split[0], head = tmp === void 0 ? "" : tmp, tmp1 = _first_split[1], problem = tmp1 === void 0 ? "" : tmp1, tmp2 = _first_split[2], etcd = tmp2 === void 0 ? "" : tmp2;
    return {
        isPair: head.charAt(1) === "3" /* PAIR */ || problem === "",
        notAfter: +head.slice(2),
        problem: problem,
        etcd: etcd
    };
}
// src/zone/slots.ts
/**
 * All keys of the zone, in no order. njs lists them only all at once, which takes some milliseconds for 10,000 names with two
 * keys each. Other workers can read meanwhile, and writes wait.
 */
function keysOf(zone) {
    return zone.keys(2147483647 /* MOST_KEYS2 */);
}
/** Whether a key is that of a slot with a record, with a pair or without. */
function isSlot(key) {
    return key.charAt(0) !== "#";
}
/** The slot's last value in etcd, as in RecordMeta; '' where there is none. */
function findVersion(zone, slot) {
    var _a;
    var summary = zone.get("#summary:" /* SUMMARY_PREFIX */ + slot);
    return summary === void 0 ? ((_a = readMeta(findRecord(zone, slot) || "")) == null ? void 0 : _a.etcd) || "" : readSummary(summary).etcd;
}
/**
 * Goes through the keys of all slots that have a record, in slices and in no order.
 *
 * @param keys of `keysOf`
 */
function eachSlice(keys, work) {
    return _async_to_generator(function() {
        var yieldIfDue, at;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    yieldIfDue = timeSlicer();
                    at = 0;
                    _state.label = 1;
                case 1:
                    if (!(at < keys.length)) return [
                        3,
                        4
                    ];
                    work(keys.slice(at, at + 1e3 /* KEYS */).filter(isSlot));
                    return [
                        4,
                        yieldIfDue()
                    ];
                case 2:
                    _state.sent();
                    _state.label = 3;
                case 3:
                    at += 1e3 /* KEYS */;
                    return [
                        3,
                        1
                    ];
                case 4:
                    return [
                        2
                    ];
            }
        });
    })();
}

// ======== certs/: decides which pair a name is served, and whether a pair may take its place
// src/certs/stored.ts
/**
 * The record of a slot by its entry alone. The next handshake reads and checks the version.
 *
 * @returns '' where there is no entry, or one that is a mark or unreadable
 * @throws Error of the file system
 */
function dormantRecord(store, slot) {
    var _parseEntry = parseEntry(readEntry(store, slot)), version = _parseEntry.version, meta = _parseEntry.meta, file = _parseEntry.file, others = _parseEntry.others;
    if (file !== void 0) return pointerTo(file, others);
    if (version === void 0 || !meta) return "";
    var known = Object.assign({}, meta, {
        store: store.id
    });
    return markStale(makeVersionRecord("------------" /* STALE_TOKEN */, known, versionPath(store, version)));
}
// src/certs/install.ts
/**
 * Proves the key of a pair by using it. A key of a kind that this engine cannot use stays unproven, and is taken where there is a
 * store: nginx is given a path then, and its log shows nothing of a key that OpenSSL refuses.
 *
 * @returns the pair. A key without a public part gets one where it can, so that the next reader need not use it
 * @throws (rejects with) key-mismatch, malformed, unsupported-key
 */
function provePair(_0, _1) {
    return _async_to_generator(function(param, pair) {
        var store, _pair_privateKey, curve, kind, proven, privateKey, key;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    store = param.store;
                    _pair_privateKey = pair.privateKey, curve = _pair_privateKey.curve, kind = _pair_privateKey.kind;
                    return [
                        4,
                        proveKey(pair)
                    ];
                case 1:
                    if (!_state.sent()) {
                        if (store) return [
                            2,
                            pair
                        ];
                        refuse("unsupported-key", "this njs cannot tell whether an ".concat(kind, " key belongs to a certificate; use ECDSA or RSA, or set $cert_store"));
                    }
                    if (readPrivateKey(readBlocks(pair.key)[0]).value !== "") return [
                        2,
                        pair
                    ];
                    proven = Object.assign({}, pair, {
                        keyProven: true
                    });
                    if (curve === null) return [
                        2,
                        proven
                    ];
                    privateKey = withPoint(pair.privateKey, curve, pair.leaf.publicKey.value);
                    key = encodeBlock(privateKey.label, privateKey.der);
                    return [
                        2,
                        Object.assign(proven, {
                            privateKey: privateKey,
                            key: key
                        })
                    ];
            }
        });
    }).apply(this, arguments);
}
/**
 * Installs a pair in slots: in the store, where there is one, then in the zone. The caller must hold the slots' locks.
 *
 * @param slots their keys
 * @param etcd the version of the value in etcd, of `versionOf`; '' where the pair does not come from etcd
 * @returns the records, in the order of the slots
 * @throws zone-full, store-failed. Every slot keeps what it had then
 */
function installPair(context, zone, slots, pair, etcd) {
    var store = context.store, misses = context.misses;
    var isOptional = etcd !== "" && pair.keyProven;
    var version = slots.length > 0 ? storePair(context, slots, pair, isOptional) : "";
    var undone = [];
    var records = [];
    try {
        slots.forEach(function(slot) {
            var meta = metaOf(context, slot, pair, etcd);
            if (store && version) placeVersion(context, store, slot, version, meta, undone);
            else noteStored(context, zone, slot, meta);
            var record = version ? versionRecord(context, zone, store, version, meta) : makeRecord(clearToken(zone), meta, servedPem(pair));
            undone.push(undoneBy(zone, slot));
            if (!putRecord(zone, slot, record)) refuse("zone-full", "Nothing was changed. Give js_shared_dict_zone a larger size." /* NO_ROOM */);
            records.push(record);
        });
    } catch (e) {
        undone.reverse().forEach(quietly2);
        throw e;
    }
    if (misses) slots.forEach(function(slot) {
        forgetMissing(misses, slot);
    });
    sweepIfDue(context);
    return records;
}
function storePair(context, slots, pair, isOptional) {
    var store = context.store, settings = context.settings;
    if (!settings.store && !store) return "";
    try {
        var version = writePair(store || storeAway(settings), pair, slots, true);
        sayFault(context, "");
        return version;
    } catch (e) {
        if (!isOptional) throw storeFailed(e);
        if (store) sayFault(context, e.message);
        else countFault(context);
        return "";
    }
}
function storeAway(param) {
    var store = param.store;
    throw new Error('$cert_store "'.concat(store, '" cannot be used'));
}
function placeVersion(context, store, slot, version, meta, undone) {
    var before = orStoreFailed(function() {
        return readEntry(store, slot);
    });
    meta.store = store.id;
    meta.before = versionOfEntry(before);
    orStoreFailed(function() {
        replaceVersion(context, store, slot, meta.before || "", version, meta);
    });
    var isStill2 = function isStill2(held) {
        return versionOfEntry(held) === version;
    };
    undone.push(function() {
        if (before === void 0) removeEntry(store, slot, isStill2);
        else placeEntry(store, slot, before, isStill2);
    });
}
function noteStored(param, zone, slot, meta) {
    var store = param.store;
    var last = findRecord(zone, slot) || "";
    var known = readMeta(last);
    var id = store ? store.id : known == null ? void 0 : known.store;
    if (id === void 0) return;
    meta.store = id;
    meta.before = isVersion(last) ? versionIn(last) : (known == null ? void 0 : known.before) || "";
    quietly2(function() {
        if (store) meta.before = versionOfEntry(readEntry(store, slot));
    });
}
function versionRecord(param, zone, store, version, meta) {
    var interval = param.interval;
    var record = makeVersionRecord(clearToken(zone), meta, versionPath(store, version));
    return withFreshUntil(record, Date.now(), interval);
}
function undoneBy(zone, slot) {
    var before = findRecord(zone, slot);
    return function() {
        if (before === void 0) removeRecord(zone, slot);
        else putRecord(zone, slot, before);
    };
}
function metaOf(param, slot, pair, etcd) {
    var settings = param.settings;
    var meta = {
        source: etcd ? "etcd" : "api",
        // The pair wins over the files until these change.
        files: stampOf(slotPaths(settings, slot)),
        notAfter: pair.leaf.notAfter,
        loadedAt: Date.now()
    };
    if (etcd) meta.etcd = etcd;
    if (!pair.keyProven) meta.isUnproven = true;
    if (pair.warnings.length > 0) meta.warnings = pair.warnings;
    return meta;
}
/**
 * Removes the pairs of slots from the store and the zone. The caller must hold the slots' locks.
 *
 * @throws store-failed. Every slot keeps what it had then
 */
function removePair(context, zone, slots) {
    var store = context.store;
    var undone = [];
    try {
        slots.forEach(function(slot) {
            if (store) dropEntry(store, slot, undone);
            else expectNotStored(context, zone, slot);
        });
    } catch (e) {
        undone.reverse().forEach(quietly2);
        throw storeFailed(e);
    }
    slots.forEach(function(slot) {
        removeRecord(zone, slot);
    });
    sweepIfDue(context);
}
function dropEntry(store, slot, undone) {
    var before = readEntry(store, slot);
    if (before === void 0) return;
    placeMark(store, slot, versionOfEntry(before));
    undone.push(function() {
        placeEntry(store, slot, before, function(held) {
            return versionOfEntry(held) === "";
        });
    });
}
function expectNotStored(param, zone, slot) {
    var settings = param.settings;
    if (settings.store && isVersion(findRecord(zone, slot) || "")) storeAway(settings);
}
function quietly2(work) {
    try {
        work();
    } catch (e) {}
}
function orStoreFailed(work) {
    try {
        return work();
    } catch (e) {
        throw storeFailed(e);
    }
}
function storeFailed(e) {
    try {
        return refuse("store-failed", "".concat(e.message, ". Nothing was changed. Workers write the store: give their user the right to, and room."));
    } catch (refusal) {
        return refusal;
    }
}
// src/certs/pair_text.ts
/**
 * Reads a pair from PEM, or from JSON with the members `cert` and `key`.
 *
 * @throws malformed
 */
function readText(text) {
    var start = text.replace(/^\ufeff?\s*/, "").charAt(0);
    return start === "{" ? fieldsOf2(readJson(text), "members") : {
        pem: text
    };
}
function readJson(text) {
    try {
        return JSON.parse(text.replace(/^\ufeff/, ""));
    } catch (e) {
        return refuse("malformed", "The body begins like JSON but cannot be parsed.");
    }
}
/**
 * The pair in the members of JSON, or in the fields of a form.
 *
 * @param kind the word for them in a refusal
 * @throws malformed
 */
function fieldsOf2(fields, kind) {
    var cert = fields.cert, key = fields.key;
    if (typeof cert !== "string" || typeof key !== "string") {
        return refuse("malformed", "The body needs the ".concat(kind, ' "cert" and "key", each of PEM text.'));
    }
    return {
        pem: cert,
        keyPem: key
    };
}
// src/certs/pointers.ts
/**
 * Makes pointers in slots that were emptied, to the files that a scan has found for them. A slot that another worker has locked
 * is left to the next scan.
 *
 * @param keys keys of the zone, among them those of files
 * @param isEmptied whether a slot was emptied
 */
function restorePointers(context, zone, keys, isEmptied) {
    keys.filter(isFileKey).forEach(function(key) {
        var _readFileSummary = readFileSummary(findSummary(zone, key)), names = _readFileSummary.names, isRsa2 = _readFileSummary.isRsa;
        slotsFor(context.settings, names, isRsa2).filter(isEmptied).forEach(function(slot) {
            restorePointer(context, zone, slot, key);
        });
    });
}
// src/certs/sync.ts
/**
 * The keys of the slots of names that have entries in the store, in slices.
 *
 * @throws (rejects with) Error of the file system
 */
function slotsInStore(store) {
    return _async_to_generator(function() {
        var slots, yieldIfDue, shards, i;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    slots = [];
                    yieldIfDue = timeSlicer();
                    shards = nameShards(store);
                    i = 0;
                    _state.label = 1;
                case 1:
                    if (!(i < shards.length)) return [
                        3,
                        4
                    ];
                    slotsIn(store, shards[i]).forEach(function(slot) {
                        return slots.push(slot);
                    });
                    return [
                        4,
                        yieldIfDue()
                    ];
                case 2:
                    _state.sent();
                    _state.label = 3;
                case 3:
                    i++;
                    return [
                        3,
                        1
                    ];
                case 4:
                    return [
                        2,
                        slots
                    ];
            }
        });
    })();
}
function nameShards(store) {
    return shardsOf(store, "names", function(name) {
        return name;
    }).concat(shardsOf(store, "rsa", rsaKey));
}

// ======== etcd/: follows etcd, and writes puts and deletes to it first
// src/etcd/position.ts
/**
 * Checks that this worker still holds the lock, before each write: a worker that was halted, or a slow answer from etcd, may have
 * cost it.
 *
 * @param ticket of the lock `FOLLOWER`
 * @throws store-unavailable: the lock is lost, and another worker may have written something newer
 */
function expectFollower(zone, ticket) {
    if (!isLocked(zone, "#etcd" /* FOLLOWER */, ticket)) {
        refuse("store-unavailable", "etcd: the round took too long, and another worker took over");
    }
}
/** @returns null where no position is noted, or only one for another prefix */
function findPosition(etcd) {
    var text = findNote(etcd.zone, "state");
    var position = text === void 0 ? null : JSON.parse(text);
    return position && position.prefix === etcd.prefix ? position : null;
}
/** @throws zone-full: the next round would repeat the work of this one */
function putPosition(zone, position) {
    position.at = timestamp();
    var text = JSON.stringify(position);
    var padding = " ".repeat(4096 /* PLACE */ - text.length % 4096 /* PLACE */);
    if (!putNote(zone, "state", text + padding)) {
        refuse("zone-full", "etcd: the zone has no room for the position. Give js_shared_dict_zone a larger size");
    }
}
/** Whether an answer continues the history of a position. A restored etcd has lost elections or revisions. */
function isSameHistory(param, header) {
    var cluster = param.cluster, term = param.term, ranges = param.ranges;
    return header.cluster === cluster && header.term >= term && ranges.every(function(param) {
        var since = param.since;
        return header.revision >= since;
    });
}
function isInRange(param, key) {
    var after = param.after, to = param.to;
    return key > after && (to === "" || key <= to);
}
/** The version of a value, `HISTORY:REVISION`: a record notes it for the value that it was made from, or that was refused. */
function versionOf(position, revision) {
    return "".concat(position ? position.historyId : "", ":").concat(revision);
}
/** The revision in a version that `versionOf` made. */
function revisionIn(version) {
    return +version.slice(version.indexOf(":") + 1);
}
function historyIdIn(version) {
    return version.slice(0, version.indexOf(":"));
}
/** The position at the beginning of a history: one range of all keys, of which nothing is known. */
function newPosition(etcd, param, token, store, historyId) {
    var cluster = param.cluster, term = param.term;
    return {
        prefix: etcd.prefix,
        cluster: cluster,
        term: term,
        token: token,
        store: store,
        historyId: historyId,
        ranges: [
            {
                after: "",
                to: "",
                since: 0,
                count: 0,
                needsListing: true,
                includesStore: true,
                isCleared: false,
                resumeAfter: "",
                resumeRevision: 0
            }
        ],
        at: ""
    };
}
// src/etcd/seal.ts
/**
 * Opens a value from etcd, where `$cert_seal_key_file` is set; otherwise returns it as it is.
 *
 * @param slot the key of the slot that the value is for
 * @throws (rejects with) bad-seal: the value is not sealed, or not with this key for this slot; the seal key cannot be used
 */
function openValue(_0, _1, _2) {
    return _async_to_generator(function(param, slot, value) {
        var sealKeyFile, key, bytes, nonce, text, e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    sealKeyFile = param.sealKeyFile;
                    if (!sealKeyFile) return [
                        2,
                        value
                    ];
                    return [
                        4,
                        importSealKey(sealKeyFile, "decrypt", "bad-seal")
                    ];
                case 1:
                    key = _state.sent();
                    if (!value.startsWith("sealed:1:" /* PREFIX */)) refuse("bad-seal", "the value is not sealed");
                    bytes = Buffer.from(value.slice("sealed:1:" /* PREFIX */.length).trim(), "base64");
                    nonce = bytes.slice(0, 12 /* NONCE_BYTES */);
                    _state.label = 2;
                case 2:
                    _state.trys.push([
                        2,
                        4,
                        ,
                        5
                    ]);
                    return [
                        4,
                        subtle().decrypt(algorithm(nonce, slot), key, bytes.slice(12 /* NONCE_BYTES */))
                    ];
                case 3:
                    text = _state.sent();
                    return [
                        2,
                        Buffer.from(text).toString()
                    ];
                case 4:
                    e = _state.sent();
                    return [
                        2,
                        refuse("bad-seal", "the value was sealed with another key, or for another name")
                    ];
                case 5:
                    return [
                        2
                    ];
            }
        });
    }).apply(this, arguments);
}
function algorithm(nonce, slot) {
    return {
        name: "AES-GCM" /* GCM */,
        iv: nonce,
        additionalData: Buffer.from(slot)
    };
}
function importSealKey(path, usage, code) {
    return _async_to_generator(function() {
        var key;
        return _ts_generator(this, function(_state) {
            try {
                key = readBytes(path);
            } catch (e) {
                return [
                    2,
                    refuse(code, e.message)
                ];
            }
            if (key.length !== 32 /* KEY_BYTES */) refuse(code, "".concat(path, ": the seal key must have ").concat(32 /* KEY_BYTES */, " bytes"));
            return [
                2,
                subtle().importKey("raw", key, {
                    name: "AES-GCM" /* GCM */
                }, false, [
                    usage
                ])
            ];
        });
    })();
}
// src/etcd/apply.ts
function withSlot(param, slot, work) {
    var zone = param.zone, ticket = param.ticket;
    return withLocks(zone, [
        slot
    ], function() {
        expectFollower(zone, ticket);
        return work();
    });
}
function withSlotIfRoom(param, slot, work) {
    var zone = param.zone, ticket = param.ticket;
    return withLocksIfRoom(zone, [
        slot
    ], function() {
        if (ticket) expectFollower(zone, ticket);
        return work();
    });
}
/**
 * Installs the pair of a value. A value that is refused is counted, logged, and noted in the slot's record; the pair that the slot
 * holds stays.
 *
 * @param slot the slot's key, for which `isSlotKey` is true
 * @param value as etcd has it: PEM or JSON, sealed where `$cert_seal_key_file` is set
 * @param version of the value: see `versionOf`
 * @throws (rejects with) store-unavailable: see `expectFollower`
 */
function applyPut(into, slot, value, version) {
    return _async_to_generator(function() {
        var context, zone, etcd, name, sent, pair, proven, until, e, code;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    context = into.context, zone = into.zone, etcd = into.etcd;
                    name = nameOf(slot);
                    _state.label = 1;
                case 1:
                    _state.trys.push([
                        1,
                        5,
                        ,
                        7
                    ]);
                    if (value.length > LARGEST_FILE) refuse("malformed", "the value is larger than 1 MiB");
                    return [
                        4,
                        openValue(etcd, slot, value)
                    ];
                case 2:
                    sent = readText.apply(void 0, [
                        _state.sent()
                    ]);
                    pair = readPair(sent.pem, sent.keyPem, Date.now() / 1e3);
                    expectAcceptable(context, slot, pair, {
                        from: "sender"
                    });
                    return [
                        4,
                        provePair(context, pair)
                    ];
                case 3:
                    proven = _state.sent();
                    return [
                        4,
                        withSlot(into, slot, function() {
                            return installPair(context, zone, [
                                slot
                            ], proven, version);
                        })
                    ];
                case 4:
                    _state.sent();
                    until = new Date(pair.leaf.notAfter * 1e3).toISOString();
                    context.r.log("cert_rotation: ".concat(name, ": taken from etcd ").concat(whereIn(version), ", valid until ").concat(until));
                    return [
                        3,
                        7
                    ];
                case 5:
                    e = _state.sent();
                    code = isRefusal(e) ? e.code : isZoneFull(e) ? "zone-full" : "internal";
                    if (code === "store-unavailable") throw e;
                    return [
                        4,
                        noteRefused(into, slot, version, {
                            code: code,
                            detail: e.message,
                            isOfEtcd: true
                        })
                    ];
                case 6:
                    _state.sent();
                    return [
                        3,
                        7
                    ];
                case 7:
                    return [
                        2
                    ];
            }
        });
    })();
}
/**
 * Whether a slot has a value of etcd, taken or refused. It has not where the file of its version is not there, as after a power
 * cut.
 *
 * @param version of the value: see `versionOf`
 */
function hasValue(zone, slot, version) {
    if (findVersion(zone, slot) !== version) return false;
    var record = findRecord(zone, slot) || "";
    return !isVersion(record) || exists(pathOf(record));
}
/**
 * Whether a text is the key of a slot that etcd may fill. The keys of scanned files are not: a scan alone writes those.
 *
 * @param text an etcd key without the prefix
 */
function isSlotKey(text) {
    var name = isFileKey(text) ? "" : nameOf(text);
    return name !== "" && normaliseWithWildcard(name) === name;
}
/**
 * Logs in one line that etcd has keys that belong to no slot.
 *
 * @param texts those keys, without the prefix; none are logged where it is empty
 */
function noteForeign(param, texts) {
    var context = param.context;
    var first = texts[0];
    if (first === void 0) return;
    var more = texts.length > 1 ? ", and ".concat(texts.length - 1, " more like it") : "";
    context.r.error('cert_rotation: etcd has the key "'.concat(printable(first), '", which is no server name, nor a wildcard').concat(more));
}
function whereIn(version) {
    return "at revision ".concat(revisionIn(version));
}
function printable(text) {
    return text.slice(0, 100).replace(/[^!-~]/g, "?");
}
function noteRefused(into, slot, version, problem) {
    return _async_to_generator(function() {
        var context, zone, isPair, consequence;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    context = into.context, zone = into.zone;
                    return [
                        4,
                        withSlotIfRoom(into, slot, function() {
                            var held = findRecord(zone, slot) || "";
                            var last = readMeta(held);
                            var token = clearToken(zone);
                            var record = last && isAnswer(held) ? withMeta(held, token, Object.assign({}, last, {
                                problem: problem,
                                etcd: version
                            })) : makeRecord(token, refusedFacts(problem, version), null);
                            putRecord(zone, slot, record);
                            return isAnswer(record);
                        })
                    ];
                case 1:
                    isPair = _state.sent();
                    count(zone, "refusals_total", refusalLabels("etcd", problem.code));
                    consequence = isPair ? "the pair held before is still served" : "nothing is served for it";
                    context.r.error("cert_rotation: ".concat(nameOf(slot), ": ").concat(problem.code, ": ").concat(problem.detail, " (etcd ").concat(whereIn(version), "); ").concat(consequence));
                    return [
                        2
                    ];
            }
        });
    })();
}
function refusedFacts(problem, etcd) {
    return {
        source: "etcd",
        files: "",
        notAfter: 0,
        loadedAt: 0,
        problem: problem,
        etcd: etcd
    };
}
/** Whether `applyDelete` would change a slot whose key is gone from etcd. */
function isToDelete(zone, slot, listing) {
    var version = findVersion(zone, slot);
    if (version === "" || isNewer(version, listing)) return false;
    return listing.isCleared || readSummary(findSummary(zone, slot)).problem !== GONE.code;
}
/**
 * Whether a slot whose key is gone from etcd has a pair of etcd in the store, where the zone has nothing for it: the key was
 * deleted while nginx was down. A pair from another history stays.
 */
function isStoredToDelete(context, slot, listing) {
    var meta = readMeta(storedIn(context, slot));
    if ((meta == null ? void 0 : meta.source) !== "etcd" || meta.etcd === void 0) return false;
    return historyIdIn(meta.etcd) === listing.historyId && !isNewer(meta.etcd, listing);
}
function isNewer(version, param) {
    var historyId = param.historyId, revision = param.revision;
    return historyIdIn(version) === historyId && revisionIn(version) > revision;
}
function storedIn(param, slot) {
    var store = param.store;
    try {
        return store ? dormantRecord(store, slot) : "";
    } catch (e) {
        return "";
    }
}
/**
 * Removes the pair of a slot whose key is gone from etcd. A pair that came from another history stays until it is cleared or
 * deleted: nobody has deleted it from this etcd, which may be empty by mistake. Its files stay even after a clear.
 *
 * @param listing a clear removes the pair whatever history it came from
 * @returns whether the slot was emptied; false also where `removePair` failed, which the record then notes
 * @throws (rejects with) store-unavailable: see `expectFollower`
 */
function applyDelete(into, slot, listing) {
    return _async_to_generator(function() {
        var r, why, name;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    r = into.context.r;
                    return [
                        4,
                        withSlotIfRoom(into, slot, function() {
                            return removeOrKeep(into, slot, listing);
                        })
                    ];
                case 1:
                    why = _state.sent();
                    name = nameOf(slot);
                    if (why === null) r.log("cert_rotation: ".concat(name, ": deleted in etcd, and removed here"));
                    if (why) {
                        r.error("cert_rotation: ".concat(name, ": ").concat(why.code, ": ").concat(why.detail, "; what is held is still served"));
                    }
                    return [
                        2,
                        why === null
                    ];
            }
        });
    })();
}
function removeOrKeep(param, slot, listing) {
    var context = param.context, zone = param.zone, ticket = param.ticket;
    var _a, _b, _c;
    var stored = storedIn(context, slot);
    var current = (_a = findRecord(zone, slot)) != null ? _a : stored;
    var meta = readMeta(current);
    if (!meta || meta.etcd === void 0) return void 0;
    if (isNewer(((_b = readMeta(stored)) == null ? void 0 : _b.etcd) || "", listing)) return void 0;
    var keepFor = function keepFor(reason) {
        var _a2;
        var noted = Object.assign({}, meta, {
            problem: reason
        });
        putRecord(zone, slot, withMeta(current, clearToken(zone), noted));
        return ((_a2 = meta.problem) == null ? void 0 : _a2.detail) === reason.detail ? void 0 : reason;
    };
    if (meta.source !== "etcd") {
        var rest = Object.assign({}, meta);
        delete rest.etcd;
        if ((_c = meta.problem) == null ? void 0 : _c.isOfEtcd) delete rest.problem;
        putRecord(zone, slot, withMeta(current, clearToken(zone), rest));
        return void 0;
    }
    if (historyIdIn(meta.etcd) !== listing.historyId) {
        if (!ticket) return void 0;
        if (!listing.isCleared) return keepFor(GONE);
    }
    try {
        removePair(context, zone, [
            slot
        ]);
    } catch (e) {
        if (!isRefusal(e)) throw e;
        return keepFor({
            code: e.code,
            isOfEtcd: true,
            detail: e.message
        });
    }
    return null;
}
var GONE = {
    code: "gone",
    isOfEtcd: true,
    detail: "etcd was replaced or restored and does not have this name; a clear removes it"
};
// src/etcd/backoff.ts
/** Whether the next attempt is not due yet. */
function isWaiting(param) {
    var until = param.until;
    var left = until - Date.now();
    return left > 0 && left <= 4e3 /* LONGEST_PAUSE_MS */;
}
/**
 * Finds the failure of the last round.
 *
 * @param misses the zone of negative answers, where there is one
 * @returns null where the last round succeeded
 */
function findFailure(zone, misses) {
    var _a;
    var text = (_a = findNote(zone, "failure")) != null ? _a : misses && findNote(misses, "failure");
    return text === void 0 ? null : JSON.parse(text);
}
/**
 * Notes that a round succeeded. The note goes to the zone of negative answers where there is one: nginx writes a zone with a
 * `state=` file to the disk as a whole after each change.
 *
 * @param failure of the round before, which ends with this one; null where there was none
 */
function noteSuccess(param, zone, failure) {
    var r = param.r, misses = param.misses;
    var notes = misses || zone;
    var last = findNote(notes, "success");
    if (last === void 0 || !isWithin(last, 0, 1e3 /* SUCCESS_LASTS_MS */)) {
        putNote(notes, "success", timestamp());
    }
    if (!failure) return;
    dropNote(zone, "failure");
    if (misses) dropNote(misses, "failure");
    r.log("cert_rotation: etcd answers again");
}
/**
 * Notes that a round failed, and when the next attempt is due. Logs the reason, unless the attempt before had the same one.
 *
 * @param failure of the round before; null where that one succeeded
 */
function noteFailure(context, zone, failure, e) {
    var message = e.message;
    var attempts = failure ? failure.attempts + 1 : 1;
    if (!failure || failure.message !== message) {
        context.r.error("cert_rotation: ".concat(message, "; the current pairs are still served"));
    }
    var next = {
        message: message,
        attempts: attempts,
        until: Date.now() + Math.min(500 /* FIRST_PAUSE_MS */ * Math.pow(2, attempts - 1), 4e3 /* LONGEST_PAUSE_MS */),
        succeededAt: failure ? failure.succeededAt : +(findNote(context.misses || zone, "success") || 0)
    };
    var text = JSON.stringify(next);
    if (!putNote(zone, "failure", text) && context.misses) putNote(context.misses, "failure", text);
}
// src/etcd/wire.ts
var LOOKS_LIKE_KEY = /-----|[A-Za-z0-9+/]{32}/;
function getOperation(key) {
    return {
        request_range: {
            key: encodeKey(key)
        }
    };
}
/** @throws store-unavailable, always */
function unavailable(detail) {
    return refuse("store-unavailable", "etcd: ".concat(detail));
}
/**
 * The message of the gateway's error, as the beginning of a line of printable ASCII.
 *
 * @returns '' where the answer is no error in the gateway's format, or may quote a key that it was sent
 */
function messageOf(fields) {
    var text = textOf2(fields["message"]) || textOf2(fields["error"]);
    if (typeof fields["code"] !== "number" || LOOKS_LIKE_KEY.test(text)) return "";
    return text.replace(/[^!-~]+/g, " ").trim().slice(0, 120 /* LONGEST_MESSAGE */);
}
/** The key after the last one that begins with a prefix: the `range_end` of a request for all of them. */
function endOf(prefix) {
    var last = prefix.length - 1;
    return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}
/** @throws store-unavailable: the answer is not etcd's. The keys that it lacks must not pass for deleted ones. */
function headerOf(answer2) {
    var header = memberOf(answer2, "header");
    var cluster = textOf2(header["cluster_id"]);
    var term = numberOf(header["raft_term"]);
    var revision = numberOf(header["revision"]);
    if (!cluster || !(term > 0) || !(revision > 0)) unavailable("the answer has no revision");
    return {
        cluster: cluster,
        term: term,
        revision: revision
    };
}
/**
 * The keys of an answer. One that cannot be read must not pass for one that is not there: its pair would be removed.
 *
 * @param kvs the member of the answer; undefined for none
 * @param prefix of all keys that are asked for
 * @throws store-unavailable: the answer is not etcd's
 */
function keyValues(kvs, prefix) {
    return listOf(kvs).map(function(kv) {
        var key = bytesOf(Buffer.from(base64Of(kv["key"]), "base64"));
        var value = kv["value"] === void 0 ? "" : base64Of(kv["value"]);
        var createRevision = numberOf(kv["create_revision"]);
        var modRevision = numberOf(kv["mod_revision"]);
        if (!key.startsWith(prefix) || !(createRevision > 0) || !(modRevision >= createRevision)) {
            unavailable("the answer has a key that was not asked for, or one without a revision");
        }
        return {
            key: key,
            value: Buffer.from(value, "base64").toString(),
            createRevision: createRevision,
            modRevision: modRevision
        };
    });
}
var BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
function base64Of(value) {
    return typeof value === "string" && BASE64.test(value) ? value : unavailable("the answer has a key that cannot be read");
}
function memberOf(fields, name) {
    var part = fields[name];
    return isFields(part) ? part : {};
}
/**
 * The objects of a list; none where the gateway has left it out.
 *
 * @throws store-unavailable: it is something else
 */
function listOf(value) {
    if (value === void 0) return [];
    return Array.isArray(value) && value.every(isFields) ? value : unavailable("the answer has something else where its keys should be");
}
function isFields(value) {
    return (typeof value === "undefined" ? "undefined" : _type_of(value)) === "object" && value !== null;
}
function textOf2(value) {
    return typeof value === "string" ? value : "";
}
function numberOf(value) {
    return Number(value || 0);
}
function encodeKey(key) {
    var bytes = Buffer.alloc(key.length);
    for(var i = 0; i < key.length; i++)bytes[i] = key.charCodeAt(i);
    return bytes.toString("base64");
}
/** A text with one character for each byte, so that bytes that are not UTF-8 are kept, and the order of keys is that of bytes. */
function bytesOf(bytes) {
    var text = bytes.toString();
    if (/^[\0-\x7f]*$/.test(text)) return text;
    var all = "";
    for(var i = 0; i < bytes.length; i++)all += String.fromCharCode(bytes[i]);
    return all;
}
// src/etcd/client.ts
var LARGEST_ANSWER = 33 * 1024 * 1024;
/**
 * Reads the settings of etcd.
 *
 * @returns undefined where `$cert_etcd` is not set
 */
function etcdOf(variables, zone) {
    var url = variables["cert_etcd"];
    if (!url) return void 0;
    return {
        url: url.replace(/\/+$/, ""),
        prefix: bytesOf(Buffer.from(variables["cert_etcd_prefix"] || "/certs/" /* DEFAULT_PREFIX */)),
        user: variables["cert_etcd_user"] || "",
        passwordFile: variables["cert_etcd_password_file"] || "",
        sealKeyFile: variables["cert_seal_key_file"] || "",
        zone: zone
    };
}
/**
 * Reads the current revision, by a request for a single key: the prefix itself, which belongs to no slot. So the answer stays small
 * whatever the number of keys.
 *
 * @throws (rejects with) store-unavailable
 */
function readHeader(etcd) {
    return _async_to_generator(function() {
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    return [
                        4,
                        call(etcd, "/v3/kv/range", {
                            key: encodeKey(etcd.prefix),
                            keys_only: true
                        })
                    ];
                case 1:
                    return [
                        2,
                        headerOf.apply(void 0, [
                            _state.sent()
                        ])
                    ];
            }
        });
    })();
}
/**
 * Reads the keys under the prefix in a range, with their values.
 *
 * @param after the key before the range, which need not exist; '' for the beginning
 * @param to the last key of the range, which need not exist; '' for the end
 * @throws (rejects with) store-unavailable
 */
function readKeys2(etcd, after, to, options) {
    return _async_to_generator(function() {
        var answer2, header, kvs, more, count2, isWhole2;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    return [
                        4,
                        call(etcd, "/v3/kv/range", {
                            key: encodeKey(after ? "".concat(after, "\0") : etcd.prefix),
                            range_end: encodeKey(to ? "".concat(to, "\0") : endOf(etcd.prefix)),
                            limit: options.limit || 0,
                            keys_only: !!options.keysOnly,
                            min_mod_revision: options.minModRevision || 0
                        })
                    ];
                case 1:
                    answer2 = _state.sent();
                    header = headerOf(answer2);
                    kvs = keyValues(answer2["kvs"], etcd.prefix);
                    more = answer2["more"] === true;
                    count2 = numberOf(answer2["count"]);
                    isWhole2 = options.minModRevision || more ? kvs.length <= count2 : kvs.length === count2;
                    if (!isWhole2) unavailable("the answer lacks keys that it counts");
                    return [
                        2,
                        {
                            header: header,
                            kvs: kvs,
                            more: more,
                            count: count2
                        }
                    ];
            }
        });
    })();
}
/**
 * Does all operations at one revision, provided that all comparisons are true.
 *
 * @throws (rejects with) store-unavailable: etcd may have done the operations all the same
 */
function transact(etcd, compare2, success) {
    return _async_to_generator(function() {
        var answer2, header, succeeded, responses, found;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    return [
                        4,
                        call(etcd, "/v3/kv/txn", {
                            compare: compare2,
                            success: success
                        })
                    ];
                case 1:
                    answer2 = _state.sent();
                    header = headerOf(answer2);
                    succeeded = answer2["succeeded"] === true;
                    responses = listOf(answer2["responses"]);
                    if (succeeded && responses.length !== success.length) {
                        unavailable("the answer lacks responses to what was asked");
                    }
                    found = responses.map(function(response) {
                        return keyValues(kvsIn(response), etcd.prefix)[0];
                    });
                    return [
                        2,
                        {
                            header: header,
                            succeeded: succeeded,
                            found: found
                        }
                    ];
            }
        });
    })();
}
function kvsIn(response) {
    var response_range = response.response_range, response_put = response.response_put, response_delete_range = response.response_delete_range;
    if (isFields(response_range)) return response_range["kvs"];
    if (isFields(response_delete_range)) return response_delete_range["prev_kvs"];
    if (!isFields(response_put)) return unavailable("the answer has a response to something else");
    var prev_kv = response_put.prev_kv;
    return prev_kv === void 0 ? void 0 : [
        prev_kv
    ];
}
function call(etcd, path, body) {
    return _async_to_generator(function() {
        var known, reply, _tmp;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    if (!!etcd.user) return [
                        3,
                        2
                    ];
                    return [
                        4,
                        post(etcd, path, body, "")
                    ];
                case 1:
                    return [
                        2,
                        expectDone.apply(void 0, [
                            _state.sent()
                        ])
                    ];
                case 2:
                    known = findNote(etcd.zone, "token");
                    if (!(known !== void 0)) return [
                        3,
                        4
                    ];
                    return [
                        4,
                        post(etcd, path, body, known)
                    ];
                case 3:
                    reply = _state.sent();
                    if (!isTokenRefused(reply)) return [
                        2,
                        expectDone(reply)
                    ];
                    dropNote(etcd.zone, "token");
                    _state.label = 4;
                case 4:
                    _tmp = [
                        etcd,
                        path,
                        body
                    ];
                    return [
                        4,
                        authenticate(etcd)
                    ];
                case 5:
                    return [
                        4,
                        post.apply(void 0, _tmp.concat([
                            _state.sent()
                        ]))
                    ];
                case 6:
                    return [
                        2,
                        expectDone.apply(void 0, [
                            _state.sent()
                        ])
                    ];
            }
        });
    })();
}
function isTokenRefused(param) {
    var status = param.status, fields = param.fields;
    return status !== 200 && (fields["code"] === 16 /* UNAUTHENTICATED */ || /auth.* is old/.test(messageOf(fields)));
}
function authenticate(etcd) {
    return _async_to_generator(function() {
        var password, fields, token;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    try {
                        password = readFile(etcd.passwordFile).replace(/\r?\n$/, "");
                    } catch (e) {
                        return [
                            2,
                            unavailable(e.message)
                        ];
                    }
                    return [
                        4,
                        post(etcd, "/v3/auth/authenticate", {
                            name: etcd.user,
                            password: password
                        }, "")
                    ];
                case 1:
                    fields = expectDone.apply(void 0, [
                        _state.sent()
                    ]);
                    token = textOf2(fields["token"]) || unavailable("the answer to the log-in has no token");
                    putNote(etcd.zone, "token", token);
                    return [
                        2,
                        token
                    ];
            }
        });
    })();
}
function post(etcd, path, body, token) {
    return _async_to_generator(function() {
        var status, text, reply, e, fields;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    _state.trys.push([
                        0,
                        3,
                        ,
                        4
                    ]);
                    return [
                        4,
                        ngx.fetch(etcd.url + path, {
                            method: "POST",
                            body: JSON.stringify(body),
                            headers: token ? {
                                Authorization: token
                            } : {},
                            max_response_body_size: LARGEST_ANSWER
                        })
                    ];
                case 1:
                    reply = _state.sent();
                    status = reply.status;
                    return [
                        4,
                        reply.text()
                    ];
                case 2:
                    text = _state.sent();
                    return [
                        3,
                        4
                    ];
                case 3:
                    e = _state.sent();
                    return [
                        2,
                        unavailable(e.message)
                    ];
                case 4:
                    try {
                        fields = JSON.parse(text);
                        if (isFields(fields)) return [
                            2,
                            {
                                status: status,
                                fields: fields
                            }
                        ];
                    } catch (e) {}
                    return [
                        2,
                        unavailable("the answer has status ".concat(status, ", and is no JSON object"))
                    ];
            }
        });
    })();
}
function expectDone(param) {
    var status = param.status, fields = param.fields;
    if (status !== 200) unavailable(messageOf(fields) || "the answer has status ".concat(status));
    return fields;
}
// src/etcd/history.ts
/**
 * The id of the store's history where etcd continues that one; otherwise a new id.
 *
 * @param ended the id of the history that the zone has found to be over; '' for none
 */
function historyIdFor(store, etcd, header, ended) {
    var known = findHistory(store);
    var isSame = known !== null && known.historyId !== ended && known.prefix === etcd.prefix && known.cluster === header.cluster && header.term >= known.term && header.revision >= known.revision;
    return isSame ? known.historyId : uniqueId();
}
/**
 * Notes in the store the history that a position is in. The note of another history stays, unless this one begins: two nginx
 * with two etcd on one store would replace it by turns.
 *
 * @param revision that etcd has
 * @param isBeginning whether the zone has just begun to follow this history
 */
function keepHistory(store, param, revision, isBeginning) {
    var prefix = param.prefix, cluster = param.cluster, term = param.term, historyId = param.historyId, ranges = param.ranges;
    if (!store) return;
    var newest = ranges.reduce(function(most, param) {
        var since = param.since;
        return Math.max(most, since);
    }, revision);
    var history = {
        prefix: prefix,
        cluster: cluster,
        term: term,
        revision: newest,
        historyId: historyId
    };
    var known = findHistory(store);
    if (known && known.historyId === historyId) {
        if (known.term >= term && known.revision >= newest) return;
        history.revision = Math.max(known.revision, newest);
    } else if (known && !isBeginning) return;
    try {
        placeHistory(store, JSON.stringify(history));
    } catch (e) {}
}
function findHistory(store) {
    var _a;
    try {
        return JSON.parse((_a = store && readHistory(store)) != null ? _a : "null");
    } catch (e) {
        return null;
    }
}
// src/etcd/round.ts
/**
 * Notes the position for the next round.
 *
 * @throws store-unavailable: another worker has taken over the lock; zone-full
 */
function notePosition(round, position) {
    expectFollower(round.zone, round.ticket);
    putPosition(round.zone, position);
    if (round.hasChanged) keepHistory(round.context.store, position, round.revision, false);
    round.hasChanged = false;
}
/** @throws store-unavailable: etcd was restored during this round; the next round begins a new history */
function expectSameHistory(position, header) {
    if (!isSameHistory(position, header)) refuse("store-unavailable", "etcd: it was restored");
}
function slotOf(param, key) {
    var prefix = param.prefix;
    return key.slice(prefix.length);
}
/**
 * Applies the values that the slots do not have yet.
 *
 * @returns how many of `kvs` were done before the round's time was up
 */
function applyAll(round, position, kvs) {
    return _async_to_generator(function() {
        var yieldIfDue, i, kv, slot, version;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    yieldIfDue = timeSlicer();
                    i = 0;
                    _state.label = 1;
                case 1:
                    if (!(i < kvs.length)) return [
                        3,
                        5
                    ];
                    if (Date.now() >= round.end) return [
                        2,
                        i
                    ];
                    kv = kvs[i];
                    slot = slotOf(round.etcd, kv.key);
                    version = versionOf(position, kv.modRevision);
                    if (!(isSlotKey(slot) && !hasValue(round.zone, slot, version))) return [
                        3,
                        4
                    ];
                    delete round.keys;
                    return [
                        4,
                        applyPut(round, slot, kv.value, version)
                    ];
                case 2:
                    _state.sent();
                    return [
                        4,
                        yieldIfDue()
                    ];
                case 3:
                    _state.sent();
                    _state.label = 4;
                case 4:
                    i++;
                    return [
                        3,
                        1
                    ];
                case 5:
                    return [
                        2,
                        kvs.length
                    ];
            }
        });
    })();
}
// src/etcd/listing.ts
/**
 * Lists the keys of a range, applies the values that differ, and removes the pairs whose keys are gone. Keys that do not fit into
 * one answer become a range of their own.
 */
function listRange(round, position, range) {
    return _async_to_generator(function() {
        var found, header, kvs, _tmp, changed, slots;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    return [
                        4,
                        readKeys2(round.etcd, range.after, range.to, {
                            keysOnly: true,
                            limit: 512 /* PAGE2 */
                        })
                    ];
                case 1:
                    found = _state.sent();
                    header = found.header, kvs = found.kvs;
                    expectSameHistory(position, header);
                    if (!range.resumeAfter) range.resumeRevision = header.revision;
                    splitRange(position, range, found);
                    _tmp = !isRoomy(round.zone);
                    if (!_tmp) return [
                        3,
                        3
                    ];
                    return [
                        4,
                        removeMissing(round, position, range, found)
                    ];
                case 2:
                    _tmp = !_state.sent();
                    _state.label = 3;
                case 3:
                    if (_tmp) return [
                        2
                    ];
                    changed = kvs.filter(function(kv) {
                        return isToRead(round, position, range, kv);
                    });
                    return [
                        4,
                        readAndApply(round, position, range, changed)
                    ];
                case 4:
                    if (!_state.sent()) return [
                        2
                    ];
                    return [
                        4,
                        removeMissing(round, position, range, found)
                    ];
                case 5:
                    if (!_state.sent()) return [
                        2
                    ];
                    slots = kvs.filter(function(param) {
                        var modRevision = param.modRevision;
                        return modRevision > range.since;
                    }).map(function(param) {
                        var key = param.key;
                        return slotOf(round.etcd, key);
                    });
                    noteForeign(round, slots.filter(function(slot) {
                        return !isSlotKey(slot);
                    }));
                    round.hasChanged = true;
                    range.since = header.revision;
                    range.count = kvs.length;
                    range.needsListing = false;
                    range.isCleared = false;
                    range.includesStore = false;
                    range.resumeAfter = "";
                    return [
                        2
                    ];
            }
        });
    })();
}
/**
 * Removes the pairs whose keys are gone, without the follower's lock, where the zone has no room for that one. It is safe without: a
 * pair that is newer than the listing stays. The position stays, so that a round with the lock does it all again.
 *
 * @param position may be changed by this function alone
 */
function removeAllMissing(round, position) {
    return _async_to_generator(function() {
        var open, i, range, after, to, found, last;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    open = fromAnywhere(position.ranges);
                    i = 0;
                    _state.label = 1;
                case 1:
                    if (!(i < open.length && Date.now() < round.end)) return [
                        3,
                        5
                    ];
                    range = open[i];
                    after = range.after, to = range.to;
                    return [
                        4,
                        readKeys2(round.etcd, after, to, {
                            keysOnly: true,
                            limit: 512 /* PAGE2 */
                        })
                    ];
                case 2:
                    found = _state.sent();
                    expectSameHistory(position, found.header);
                    last = splitRange(position, range, found);
                    if (last) open.push(last);
                    return [
                        4,
                        removeMissing(round, position, range, found)
                    ];
                case 3:
                    _state.sent();
                    _state.label = 4;
                case 4:
                    i++;
                    return [
                        3,
                        1
                    ];
                case 5:
                    return [
                        2
                    ];
            }
        });
    })();
}
function isToRead(param, position, range, param1) {
    var zone = param.zone, etcd = param.etcd, key = param1.key, modRevision = param1.modRevision;
    var isTried = key <= range.resumeAfter && modRevision <= range.resumeRevision;
    var slot = slotOf(etcd, key);
    return isSlotKey(slot) && !isTried && !hasValue(zone, slot, versionOf(position, modRevision));
}
function readAndApply(round, position, range, kvs) {
    return _async_to_generator(function() {
        var at, gets, _ref, header, found, values, applied, last;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    at = 0;
                    _state.label = 1;
                case 1:
                    if (!(at < kvs.length)) return [
                        3,
                        5
                    ];
                    gets = kvs.slice(at, at + 16 /* BATCH */).map(function(param) {
                        var key = param.key;
                        return getOperation(key);
                    });
                    return [
                        4,
                        transact(round.etcd, [], gets)
                    ];
                case 2:
                    _ref = _state.sent(), header = _ref.header, found = _ref.found;
                    expectSameHistory(position, header);
                    values = found.filter(function(kv) {
                        return kv !== void 0;
                    });
                    return [
                        4,
                        applyAll(round, position, values)
                    ];
                case 3:
                    applied = _state.sent();
                    last = values[applied - 1];
                    if (last && last.key > range.resumeAfter) range.resumeAfter = last.key;
                    if (applied < values.length) return [
                        2,
                        false
                    ];
                    _state.label = 4;
                case 4:
                    at += 16 /* BATCH */;
                    return [
                        3,
                        1
                    ];
                case 5:
                    return [
                        2,
                        true
                    ];
            }
        });
    })();
}
function splitRange(position, range, param) {
    var kvs = param.kvs, more = param.more;
    var last = more ? kvs[kvs.length - 1] : void 0;
    if (!last) return void 0;
    var rest = Object.assign({}, range, {
        after: last.key
    });
    position.ranges.splice(position.ranges.indexOf(range) + 1, 0, rest);
    range.to = last.key;
    return rest;
}
function removeMissing(_0, _1, _2, _3) {
    return _async_to_generator(function(round, position, range, param) {
        var header, kvs, context, zone, etcd, historyId, isCleared2, listing, missing, removed, yieldIfDue, at, slot;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    header = param.header, kvs = param.kvs;
                    context = round.context, zone = round.zone, etcd = round.etcd;
                    historyId = position.historyId;
                    isCleared2 = range.isCleared;
                    listing = {
                        historyId: historyId,
                        revision: header.revision,
                        isCleared: isCleared2
                    };
                    return [
                        4,
                        findMissing(round, range, kvs, listing)
                    ];
                case 1:
                    missing = _state.sent();
                    removed = {};
                    yieldIfDue = timeSlicer();
                    at = 0;
                    _state.label = 2;
                case 2:
                    if (!(at < missing.length && Date.now() < round.end)) return [
                        3,
                        6
                    ];
                    slot = missing[at];
                    return [
                        4,
                        applyDelete(round, slot, listing)
                    ];
                case 3:
                    if (_state.sent()) removed[etcd.prefix + slot] = true;
                    return [
                        4,
                        yieldIfDue()
                    ];
                case 4:
                    _state.sent();
                    _state.label = 5;
                case 5:
                    at++;
                    return [
                        3,
                        2
                    ];
                case 6:
                    if (!(context.settings.scan && Object.keys(removed).length > 0)) return [
                        3,
                        8
                    ];
                    return [
                        4,
                        eachSlice(keysOfZone(round), function(slots) {
                            restorePointers(context, zone, slots, function(slot) {
                                return !!removed[etcd.prefix + slot];
                            });
                        })
                    ];
                case 7:
                    _state.sent();
                    _state.label = 8;
                case 8:
                    return [
                        2,
                        at === missing.length
                    ];
            }
        });
    }).apply(this, arguments);
}
function findMissing(round, range, kvs, listing) {
    return _async_to_generator(function() {
        var context, zone, etcd, listed, isMissing2, missing, stored, _tmp;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    context = round.context, zone = round.zone, etcd = round.etcd;
                    listed = {};
                    kvs.forEach(function(param) {
                        var key = param.key;
                        listed[key] = true;
                    });
                    isMissing2 = function isMissing2(slot) {
                        var key = etcd.prefix + slot;
                        return isInRange(range, key) && !listed[key];
                    };
                    missing = [];
                    return [
                        4,
                        eachSlice(keysOfZone(round), function(slots) {
                            slots.forEach(function(slot) {
                                if (isMissing2(slot) && isToDelete(zone, slot, listing)) missing.push(slot);
                            });
                        })
                    ];
                case 1:
                    _state.sent();
                    if (!range.includesStore || !context.store) return [
                        2,
                        missing
                    ];
                    _tmp = round.storedSlots;
                    if (_tmp) return [
                        3,
                        3
                    ];
                    return [
                        4,
                        listStore(round, context.store)
                    ];
                case 2:
                    _tmp = round.storedSlots = _state.sent();
                    _state.label = 3;
                case 3:
                    stored = _tmp;
                    return [
                        4,
                        eachSlice(stored, function(slots) {
                            slots.forEach(function(slot) {
                                if (!isMissing2(slot) || findRecord(zone, slot) !== void 0) return;
                                if (isStoredToDelete(context, slot, listing)) missing.push(slot);
                            });
                        })
                    ];
                case 4:
                    _state.sent();
                    return [
                        2,
                        missing
                    ];
            }
        });
    })();
}
function listStore(_0, _1) {
    return _async_to_generator(function(param, store) {
        var context, e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    context = param.context;
                    _state.label = 1;
                case 1:
                    _state.trys.push([
                        1,
                        3,
                        ,
                        4
                    ]);
                    return [
                        4,
                        slotsInStore(store)
                    ];
                case 2:
                    return [
                        2,
                        _state.sent()
                    ];
                case 3:
                    e = _state.sent();
                    context.r.error("cert_rotation: the store cannot be listed: ".concat(e.message));
                    return [
                        2,
                        []
                    ];
                case 4:
                    return [
                        2
                    ];
            }
        });
    }).apply(this, arguments);
}
function keysOfZone(round) {
    return round.keys || (round.keys = keysOf(round.zone));
}
// src/etcd/follow.ts
/**
 * Brings the zone up to the keys under `$cert_etcd_prefix`, in one round, for `js_periodic`.
 *
 * 1. One request tells whether anything has changed in etcd since the last round, whatever the number of names.
 * 2. If so, the values that were written since then are read, range by range. The number of keys in a range tells whether keys
 *    were deleted.
 * 3. A range is listed where keys were deleted, where many values were written, or where nothing is known of it: the values of
 *    the keys that differ are read, and pairs whose keys are gone are removed.
 *
 * Work that the round has no time for is left to the next rounds, which begin with the range that is furthest behind.
 *
 * Each pair passes the checks of a put. Whatever fails, the current pairs are served.
 */
function follow(session) {
    return _async_to_generator(function() {
        var context, zone, etcd, failure, e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    context = contextOf(callerOf(session));
                    zone = context.zone;
                    sweepIfDue(context);
                    etcd = zone && etcdOf(session.variables, zone);
                    if (!zone || !etcd) return [
                        2
                    ];
                    failure = findFailure(zone, context.misses);
                    if (failure && isWaiting(failure)) return [
                        2
                    ];
                    _state.label = 1;
                case 1:
                    _state.trys.push([
                        1,
                        3,
                        ,
                        4
                    ]);
                    return [
                        4,
                        runRound(context, etcd)
                    ];
                case 2:
                    _state.sent();
                    noteSuccess(context, zone, failure);
                    return [
                        3,
                        4
                    ];
                case 3:
                    e = _state.sent();
                    noteFailure(context, zone, failure, e);
                    return [
                        3,
                        4
                    ];
                case 4:
                    return [
                        2
                    ];
            }
        });
    })();
}
function runRound(context, etcd) {
    return _async_to_generator(function() {
        var zone, end, header, left, lock, ticket, position, isSame, newest, _tmp, revision;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    zone = etcd.zone;
                    end = Date.now() + 400 /* BUDGET_MS */;
                    return [
                        4,
                        readHeader(etcd)
                    ];
                case 1:
                    header = _state.sent();
                    if (isUpToDate(context, zone, findPosition(etcd), header)) return [
                        2
                    ];
                    left = findNote(zone, "follower");
                    if (left !== void 0 && isOwnTicket(left)) unlock(zone, "#etcd" /* FOLLOWER */, left);
                    lock = tryLock(zone, "#etcd" /* FOLLOWER */);
                    if (!(lock.state === "no-room")) return [
                        3,
                        3
                    ];
                    return [
                        4,
                        makeRoom(context, etcd, header, end)
                    ];
                case 2:
                    _state.sent();
                    lock = tryLock(zone, "#etcd" /* FOLLOWER */);
                    _state.label = 3;
                case 3:
                    if (lock.state === "no-room") return [
                        2,
                        refuse("zone-full", "etcd: the zone has no room for a lock. Give js_shared_dict_zone a larger size" /* NO_ROOM_FOR_LOCK */)
                    ];
                    if (lock.state === "busy") return [
                        2
                    ];
                    ticket = lock.ticket;
                    putNote(zone, "follower", ticket);
                    _state.label = 4;
                case 4:
                    _state.trys.push([
                        4,
                        ,
                        9,
                        10
                    ]);
                    position = findPosition(etcd);
                    isSame = !position || isSameHistory(position, header);
                    if (!isSame) return [
                        3,
                        5
                    ];
                    _tmp = header;
                    return [
                        3,
                        7
                    ];
                case 5:
                    return [
                        4,
                        readHeader(etcd)
                    ];
                case 6:
                    _tmp = _state.sent();
                    _state.label = 7;
                case 7:
                    newest = _tmp;
                    revision = newest.revision;
                    return [
                        4,
                        catchUp({
                            context: context,
                            zone: zone,
                            etcd: etcd,
                            ticket: ticket,
                            end: end,
                            revision: revision,
                            hasChanged: false
                        }, newest)
                    ];
                case 8:
                    _state.sent();
                    return [
                        3,
                        10
                    ];
                case 9:
                    dropNote(zone, "follower");
                    unlock(zone, "#etcd" /* FOLLOWER */, ticket);
                    return [
                        7
                    ];
                case 10:
                    return [
                        2
                    ];
            }
        });
    })();
}
function makeRoom(_0, _1, _2, _3) {
    return _async_to_generator(function(context, etcd, param, end) {
        var revision, position, zone, round;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    revision = param.revision;
                    position = findPosition(etcd);
                    if (!position) return [
                        2
                    ];
                    zone = etcd.zone;
                    round = {
                        context: context,
                        zone: zone,
                        etcd: etcd,
                        ticket: "",
                        end: end,
                        revision: revision,
                        hasChanged: false
                    };
                    return [
                        4,
                        removeAllMissing(round, position)
                    ];
                case 1:
                    _state.sent();
                    return [
                        2
                    ];
            }
        });
    }).apply(this, arguments);
}
function isUpToDate(param, zone, position, header) {
    var store = param.store;
    return position !== null && position.token === clearToken(zone) && position.store === idOf(store) && isSameHistory(position, header) && position.ranges.every(function(param) {
        var since = param.since, needsListing = param.needsListing;
        return since === header.revision && !needsListing;
    });
}
function catchUp(round, header) {
    return _async_to_generator(function() {
        var position, range;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    position = positionAt(round, header);
                    position.term = header.term;
                    notePosition(round, position);
                    _state.label = 1;
                case 1:
                    if (!(Date.now() < round.end)) return [
                        3,
                        6
                    ];
                    range = oldest(position);
                    if (range.since >= header.revision && !range.needsListing) return [
                        2
                    ];
                    if (!range.needsListing) return [
                        3,
                        3
                    ];
                    return [
                        4,
                        listRange(round, position, range)
                    ];
                case 2:
                    _state.sent();
                    return [
                        3,
                        5
                    ];
                case 3:
                    return [
                        4,
                        applyChanges(round, position, range)
                    ];
                case 4:
                    _state.sent();
                    _state.label = 5;
                case 5:
                    notePosition(round, position);
                    return [
                        3,
                        1
                    ];
                case 6:
                    return [
                        2
                    ];
            }
        });
    })();
}
function positionAt(round, header) {
    var context = round.context, zone = round.zone, etcd = round.etcd;
    var token = clearToken(zone);
    var storeId = idOf(context.store);
    var known = findPosition(etcd);
    if (!known || !isSameHistory(known, header)) {
        var historyId = historyIdFor(context.store, etcd, header, known ? known.historyId : "");
        var position = newPosition(etcd, header, token, storeId, historyId);
        keepHistory(context.store, position, header.revision, true);
        return position;
    }
    var isCleared2 = known.token !== token;
    var includesStore = storeId !== "" && known.store !== storeId;
    known.token = token;
    known.store = storeId;
    if (isCleared2 || includesStore) {
        known.ranges.forEach(function(range) {
            range.needsListing = true;
            range.isCleared = range.isCleared || isCleared2;
            range.includesStore = range.includesStore || includesStore;
            range.resumeAfter = "";
        });
    }
    return known;
}
function idOf(store) {
    return store ? store.id : "";
}
function oldest(param) {
    var ranges = param.ranges;
    return ranges.reduce(function(first, one) {
        if (one.needsListing !== first.needsListing) return one.needsListing ? one : first;
        return one.since < first.since ? one : first;
    });
}
function applyChanges(round, position, range) {
    return _async_to_generator(function() {
        var after, to, since, _ref, header, kvs, more, count2, created, slots;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    after = range.after, to = range.to, since = range.since;
                    return [
                        4,
                        readKeys2(round.etcd, after, to, {
                            minModRevision: since + 1,
                            limit: 16 /* BATCH */
                        })
                    ];
                case 1:
                    _ref = _state.sent(), header = _ref.header, kvs = _ref.kvs, more = _ref.more, count2 = _ref.count;
                    expectSameHistory(position, header);
                    created = kvs.filter(function(param) {
                        var createRevision = param.createRevision;
                        return createRevision > since;
                    }).length;
                    if (created > 0) {
                        range.needsListing = true;
                        notePosition(round, position);
                    }
                    if (kvs.length > 0) round.hasChanged = true;
                    return [
                        4,
                        applyAll(round, position, kvs)
                    ];
                case 2:
                    if (_state.sent() < kvs.length) return [
                        2
                    ];
                    range.needsListing = more || count2 !== range.count + created || count2 > 2 * 512 /* PAGE2 */;
                    if (range.needsListing) return [
                        2
                    ];
                    slots = kvs.map(function(param) {
                        var key = param.key;
                        return slotOf(round.etcd, key);
                    });
                    noteForeign(round, slots.filter(function(slot) {
                        return !isSlotKey(slot);
                    }));
                    range.since = header.revision;
                    range.count = count2;
                    return [
                        2
                    ];
            }
        });
    })();
}

stages.start_admin = start_admin;
return {
    follow: follow
};
/** Made for requests of the HTTP API. */
function start_admin() {
function _ts_values(o) {
    var s = typeof Symbol === "function" && Symbol.iterator, m = s && o[s], i = 0;
    if (m) {
        return m.call(o);
    }
    if (o && typeof o.length === "number") {
        return {
            next: function() {
                if (o && i >= o.length) {
                    o = void 0;
                }
                return {
                    value: o && o[i++],
                    done: !o
                };
            }
        };
    }
    throw new TypeError(s ? "Object is not iterable." : "Symbol.iterator is not defined.");
}

// ======== config/: what the nginx variables say: settings, slots and paths
// src/config/slot.ts
/** The keys of a name's slots, the first slot first. */
function slotsOf(settings, name) {
    return slotKeys(name, settings.certFileRsa !== "", false);
}
// src/config/settings.ts
/** Whether the HTTP handlers answer clients that are neither local nor authenticated. */
function isAdminRemote(variables) {
    return variables["cert_admin_remote"] === "on";
}

// ======== x509/: PEM, certificates, keys and server names: functions of their arguments alone
// src/x509/public_key.ts
/** The key's type as the API shows it: `RSA-2048`, `RSA-PSS-2048`, `ECDSA-P256`, `Ed25519`, `Ed448`, `ML-DSA-65`. */
function keyTypeName(key) {
    if (key.curve !== null) return "ECDSA-" + key.curve.replace("-", "");
    return key.kind.slice(0, 3) === "RSA" ? "".concat(key.kind, "-").concat(key.bits) : key.kind;
}
// src/x509/description.ts
/** Describes a certificate that `readPair` or `readLeaf` returned. */
function describe(certificate) {
    var serial = hexOf(certificate.serial).toUpperCase();
    return {
        subject: distinguishedName(certificate.subject),
        issuer: distinguishedName(certificate.issuer),
        serial: serial.length > 2 ? serial.replace(/^00/, "") : serial,
        dns_names: dnsNames(certificate),
        ip_addresses: ipAddresses(certificate),
        fingerprint_sha256: fingerprintOf(certificate),
        not_before: isoTime(certificate.notBefore),
        not_after: isoTime(certificate.notAfter),
        key_type: keyTypeName(certificate.publicKey),
        signature_algorithm: signatureOf(certificate).name
    };
}
function isoTime(seconds) {
    return new Date(seconds * 1e3).toISOString().replace(".000Z", "Z");
}

// ======== disk/: files, and the store of versions: what is written is whole whenever a worker is killed
// src/disk/fs.ts
/**
 * Reads a file that this process holds open, and that has lost its name.
 *
 * @param path the name under which it was opened
 * @throws Error where this process holds no such file, and otherwise as `readFile` does
 */
function readUnnamed(path) {
    var target = "".concat(path, " (deleted)");
    var open = fs.readdirSync("/proc/self/fd" /* OPEN_FILES */).map(function(number) {
        return "".concat("/proc/self/fd" /* OPEN_FILES */, "/").concat(number);
    });
    var found = open.filter(function(link) {
        return readLink(link) === target;
    })[0];
    if (found === void 0) throw new Error("".concat(path, ": not open"));
    return readFile(found);
}
// src/disk/entries.ts
/**
 * Replaces the store's clear token.
 *
 * @throws Error of the file system. The token that was there stays
 */
function placeClearToken(store, token) {
    placeLink(store, "".concat(store.root, "/clear"), token);
}
/**
 * Tells one state of a shard from another. Each entry that is placed or removed changes it.
 *
 * @returns `text` to compare, and `changed` in milliseconds since 1970
 */
function shardStamp(param, param1) {
    var root = param.root, path = param1.path;
    var _stat = stat("".concat(root, "/").concat(path)), dev = _stat.dev, ino = _stat.ino, mtimeMs = _stat.mtimeMs;
    return {
        text: "".concat(dev, ":").concat(ino, ":").concat(mtimeMs),
        changed: mtimeMs
    };
}
/** The path of the shard that a slot's entry is in, below the store's root. */
function shardOfSlot(slot) {
    var path = entryPath({
        root: "",
        id: ""
    }, slot);
    return path.slice(1, path.lastIndexOf("/"));
}

// ======== zone/: the shared dictionary: records, locks, negative answers, notes and counts
// src/zone/record.ts
/** The time of the last look at a record's files, in milliseconds since 1970. */
function checkedAt(record) {
    return +record.slice(13 /* CHECKED_AT */, 26 /* KEY_END_AT */);
}
// src/zone/clear_token.ts
/**
 * Makes every record and every negative answer of the zone stale, whatever their number.
 *
 * @throws SharedMemoryError where the zone is full
 */
function clearAll(zone) {
    var token = arguments.length > 1 && arguments[1] !== void 0 ? arguments[1] : newToken();
    zone.set("#clear" /* CLEAR_KEY */, token);
}
/** Notes the token of a clear of this nginx that the store has as well, so that it is not taken over from there. */
function noteStoreToken(zone, token) {
    replaceValue(zone, "#clear:store" /* STORE_CLEAR_KEY */, token);
}
// src/zone/counters.ts
/**
 * The sums of the counts of all workers.
 *
 * @param keys of `keysOf`
 */
function countsOf(zone, keys) {
    var sum2 = {};
    findCounts(zone, keys).forEach(function(text) {
        var counts = parseCounts(text);
        Object.keys(counts).forEach(function(series) {
            add(sum2, series, counts[series]);
        });
    });
    return sum2;
}
function findCounts(zone, keys) {
    return keys.filter(function(key) {
        return key.startsWith("#counts:" /* COUNTS_PREFIX */);
    }).map(function(key) {
        return zone.get(key) || "{}";
    });
}
// src/zone/notes.ts
/**
 * The stamp that a shard of the store had when all its names last got records; undefined where they never did.
 *
 * @param shard its path below the store's root
 */
function findShardStamp(zone, shard) {
    return zone.get("#shard:" /* SHARD_PREFIX */ + shard);
}
/** Notes that all names of a shard have records. */
function putShardStamp(zone, shard, stamp) {
    replaceValue(zone, "#shard:" /* SHARD_PREFIX */ + shard, stamp);
}

// ======== certs/: decides which pair a name is served, and whether a pair may take its place
// src/certs/pem_of_record.ts
/** The chain alone of a record with a pair. */
function chainIn(record) {
    var pem = pemIn(record);
    return pem.slice(Math.max(pem.indexOf("-----BEGIN CERTIFICATE-----" /* CERTIFICATE */), 0));
}
/**
 * The leaf of a record with a pair.
 *
 * @throws malformed where the file of its version is damaged, or gone by now
 */
function leafOf(record) {
    return readLeaf(chainIn(record));
}
/** Whether a record's pair is one for the RSA slot. */
function holdsRsa(record) {
    return leafOf(record).publicKey.kind === "RSA";
}
// src/certs/entry_text.ts
/**
 * The text of an entry after a clear of its name. No two clears make the same text: a look that began before the second one must
 * not end that one as well.
 */
function clearedEntry(entry) {
    return withToken(entry, "-" /* NAME_CLEARED */ + newToken().slice(1));
}
// src/certs/stored.ts
/**
 * Makes the entry of a slot stale, as a clear does. The first nginx that looks at the slot's files after it brings the entry up
 * to date.
 *
 * @throws Error of the file system
 */
function clearEntry(store, slot) {
    var _loop = function() {
        var before = readEntry(store, slot);
        if (versionOfEntry(before) === "") return {
            v: void void 0
        };
        if (placeEntry(store, slot, clearedEntry(before), function(held) {
            return held === before;
        })) return {
            v: void void 0
        };
    };
    for(;;){
        var _ret = _loop();
        if (_type_of(_ret) === "object") return _ret.v;
    }
}
// src/certs/held.ts
/**
 * The pair in a slot, by the zone and the store together: another nginx may have put it there, or deleted it.
 *
 * @param slot its key
 * @returns null where nothing is held, or only why files were refused
 */
function findHeld(context, slot) {
    var zone = context.zone;
    var record = currentOf(context, slot, zone && findRecord(zone, slot)).record;
    if (record !== void 0 && isPointer(record)) return findFound(context, record);
    var meta = record !== void 0 && holdsPair(record) ? readMeta(record) : null;
    return record === void 0 || meta === null ? null : {
        record: record,
        meta: meta
    };
}
function findFound(context, pointer) {
    var _a;
    var file = targetOf(pointer);
    var held = findHeld(context, file);
    var problem = (_a = readMeta(pointer)) == null ? void 0 : _a.problem;
    if (!held) return null;
    return {
        record: held.record,
        meta: problem ? Object.assign({}, held.meta, {
            problem: problem
        }) : held.meta,
        file: file
    };
}
/** The pairs of a name: that of its first slot, then that of its RSA slot. */
function findAllHeld(context, name) {
    return slotsOf(context.settings, name).map(function(slot) {
        return findHeld(context, slot);
    }).filter(function(held) {
        return held !== null;
    });
}
/** The fingerprint of a pair's leaf, SHA-256 in lower-case hex; '' where there is no pair. */
function fingerprintOfHeld(held) {
    return held ? fingerprintOf(leafOf(held.record)) : "";
}
// src/certs/install.ts
/** The record of a pair that was put into a slot now, for its description in an answer. */
function recordOfPut(context, slot, pair, etcd) {
    return makeRecord(context.token, metaOf(context, slot, pair, etcd), servedPem(pair));
}
/**
 * Checks that the store is there in which the slots may have pairs: one that is away would bring them back.
 *
 * @param slots their keys
 * @throws store-failed
 */
function expectStore(param, zone, slots) {
    var store = param.store, settings = param.settings;
    if (!settings.store) return;
    orStoreFailed(function() {
        if (!store) return storeAway(settings);
        slots.forEach(function(slot) {
            var _a;
            var record = findRecord(zone, slot) || "";
            if (!isVersion(record) || ((_a = readMeta(record)) == null ? void 0 : _a.store) === store.id) return;
            var path = pathOf(record);
            if (!exists(path)) throw new Error("".concat(path, ": the store that has it is away"));
        });
    });
}
// src/certs/sync.ts
/**
 * Gives each name of the store a record in the zone, whose version the first handshake reads and checks, and drops the records
 * of names that another nginx has deleted. Shards that have not changed since the last call are skipped.
 *
 * @throws (rejects with) Error of the file system or of the zone
 */
function syncNames(context) {
    return _async_to_generator(function() {
        var store, zone, changed, shards, yieldIfDue, i, shard, stamp, slots, isWhole2, j;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    store = context.store, zone = context.zone;
                    if (!store || !zone) return [
                        2
                    ];
                    sweepIfDue(context);
                    changed = {};
                    shards = nameShards(store).concat(shardsOf(store, "files", fileKey));
                    yieldIfDue = timeSlicer();
                    i = 0;
                    _state.label = 1;
                case 1:
                    if (!(i < shards.length)) return [
                        3,
                        7
                    ];
                    shard = shards[i];
                    stamp = shardStamp(store, shard);
                    if (stamp.text === findShardStamp(zone, shard.path)) return [
                        3,
                        6
                    ];
                    changed[shard.path] = true;
                    slots = slotsIn(store, shard);
                    isWhole2 = true;
                    j = 0;
                    _state.label = 2;
                case 2:
                    if (!(j < slots.length)) return [
                        3,
                        5
                    ];
                    isWhole2 = addSlot(store, zone, slots[j]) && isWhole2;
                    return [
                        4,
                        yieldIfDue()
                    ];
                case 3:
                    _state.sent();
                    _state.label = 4;
                case 4:
                    j++;
                    return [
                        3,
                        2
                    ];
                case 5:
                    if (isWhole2 && isPastTick(stamp.changed)) putShardStamp(zone, shard.path, stamp.text);
                    _state.label = 6;
                case 6:
                    i++;
                    return [
                        3,
                        1
                    ];
                case 7:
                    if (Object.keys(changed).length === 0) return [
                        2
                    ];
                    return [
                        4,
                        eachSlice(keysOf(zone), function(slots) {
                            slots.forEach(function(slot) {
                                if (changed[shardOfSlot(slot)]) dropIfDeleted(store, zone, slot);
                            });
                        })
                    ];
                case 8:
                    _state.sent();
                    return [
                        2
                    ];
            }
        });
    })();
}
function addSlot(store, zone, slot) {
    if (findRecord(zone, slot) !== void 0) return true;
    var record = dormantRecord(store, slot);
    if (!record) return true;
    return tryWithLocks(zone, [
        slot
    ], function(param) {
        var state = param.state;
        if (state !== "locked") return false;
        return findRecord(zone, slot) !== void 0 || putRecord(zone, slot, record);
    });
}
function dropIfDeleted(store, zone, slot) {
    var _a;
    var record = findRecord(zone, slot);
    if (record === void 0 || !isVersion(record)) return;
    if (((_a = readMeta(record)) == null ? void 0 : _a.store) !== store.id) return;
    if (dormantRecord(store, slot)) return;
    tryWithLocks(zone, [
        slot
    ], function(param) {
        var state = param.state;
        if (state === "locked" && findRecord(zone, slot) === record) removeRecord(zone, slot);
    });
}

// ======== etcd/: follows etcd, and writes puts and deletes to it first
// src/etcd/position.ts
/** The revision up to which the zone has the changes of all ranges. */
function sinceOf(param) {
    var ranges = param.ranges;
    return ranges.reduce(function(least, param) {
        var since = param.since;
        return Math.min(least, since);
    }, Infinity);
}
/**
 * Marks the range of a key for a listing, where the key was created after the range's revision: the number of keys would not tell
 * that such a key was deleted again. The caller has to write the position before the slot.
 *
 * @param created the revision at which the key was created
 * @returns whether the position has changed
 */
function expectNew(param, key, created) {
    var ranges = param.ranges;
    var range = ranges.filter(function(one) {
        return isInRange(one, key);
    })[0];
    if (!range || range.needsListing || created <= range.since) return false;
    range.needsListing = true;
    return true;
}
/**
 * Whether a key's slot has, or may have, a value from after a revision. A value of that revision must not be written there then.
 *
 * @param held the version that the slot's record notes
 */
function hasPassed(position, key, held, revision) {
    if (!position) return false;
    var ranges = position.ranges, historyId = position.historyId;
    return ranges.some(function(one) {
        return one.since >= revision && isInRange(one, key);
    }) || historyIdIn(held) === historyId && revisionIn(held) > revision;
}
// src/etcd/seal.ts
/**
 * Seals a text for etcd, where `$cert_seal_key_file` is set; otherwise leaves it as it is.
 *
 * @param slot the key of the slot that the value is for
 * @throws (rejects with) store-unavailable: the seal key cannot be used
 */
function sealValue(_0, _1, _2) {
    return _async_to_generator(function(param, slot, text) {
        var sealKeyFile, nonce, key, sealed;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    sealKeyFile = param.sealKeyFile;
                    if (!sealKeyFile) return [
                        2,
                        text
                    ];
                    nonce = Buffer.alloc(12 /* NONCE_BYTES */);
                    crypto.getRandomValues(nonce);
                    return [
                        4,
                        importSealKey(sealKeyFile, "encrypt", "store-unavailable")
                    ];
                case 1:
                    key = _state.sent();
                    return [
                        4,
                        subtle().encrypt(algorithm(nonce, slot), key, Buffer.from(text))
                    ];
                case 2:
                    sealed = _state.sent();
                    return [
                        2,
                        "sealed:1:" /* PREFIX */ + Buffer.concat([
                            nonce,
                            Buffer.from(sealed)
                        ]).toString("base64")
                    ];
            }
        });
    }).apply(this, arguments);
}
// src/etcd/backoff.ts
/** When a round last succeeded, in milliseconds since 1970; 0 where none is known to have. */
function succeededAt(zone, misses, position) {
    var failure = findFailure(zone, misses);
    return Math.max(+(findNote(misses || zone, "success") || 0), failure ? failure.succeededAt : 0, position ? +position.at : 0);
}
// src/etcd/wire.ts
function putOperation(key, value) {
    return {
        request_put: {
            key: encodeKey(key),
            value: encode(value),
            prev_kv: true
        }
    };
}
function deleteOperation(key) {
    return {
        request_delete_range: {
            key: encodeKey(key),
            prev_kv: true
        }
    };
}
/** The comparison that a key was last written at a revision, or, where that is 0, does not exist. */
function isUnchanged(key, modRevision) {
    return {
        key: encodeKey(key),
        target: "MOD",
        result: "EQUAL",
        mod_revision: "".concat(modRevision)
    };
}
function encode(text) {
    return Buffer.from(text).toString("base64");
}
// src/etcd/write_through.ts
/**
 * Puts a pair into etcd, and installs it here.
 *
 * @param names the names that the conditions are checked for
 * @param targets the keys of the slots to write, one list for each name
 * @param pair a proven pair: see `provePair`
 * @throws (rejects with) store-unavailable, precondition-failed, zone-full, store-failed: nothing has changed, unless etcd did
 *   a write that it has not answered
 */
function putThrough(context, conditions, etcd, names, targets, pair) {
    return _async_to_generator(function() {
        var slots, operations, expect, change, before, revision, isNew, record, e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    slots = targets.reduce(function(all, own) {
                        return all.concat(own);
                    }, []);
                    return [
                        4,
                        sealedPuts(etcd, slots, pair)
                    ];
                case 1:
                    operations = _state.sent();
                    expect = function expect(found) {
                        return _async_to_generator(function() {
                            var i, _ref, name, own;
                            return _ts_generator(this, function(_state) {
                                switch(_state.label){
                                    case 0:
                                        i = 0;
                                        _state.label = 1;
                                    case 1:
                                        if (!(i < names.length)) return [
                                            3,
                                            4
                                        ];
                                        _ref = [
                                            names[i],
                                            targets[i]
                                        ], name = _ref[0], own = _ref[1];
                                        return [
                                            4,
                                            expectMet(context, conditions, etcd, name, own, slots, found)
                                        ];
                                    case 2:
                                        _state.sent();
                                        _state.label = 3;
                                    case 3:
                                        i++;
                                        return [
                                            3,
                                            1
                                        ];
                                    case 4:
                                        return [
                                            2
                                        ];
                                }
                            });
                        })();
                    };
                    return [
                        4,
                        commit(conditions, etcd, slots, operations, expect)
                    ];
                case 2:
                    change = _state.sent();
                    before = change.before, revision = change.revision;
                    isNew = targets.some(function(own) {
                        return own.every(function(slot) {
                            return !before[slots.indexOf(slot)] && !findHeld(context, slot);
                        });
                    });
                    _state.label = 3;
                case 3:
                    _state.trys.push([
                        3,
                        5,
                        ,
                        7
                    ]);
                    return [
                        4,
                        withLocks(etcd.zone, [
                            "#etcd" /* FOLLOWER */
                        ].concat(slots), function() {
                            return installHere(context, etcd, slots, pair, change);
                        })
                    ];
                case 4:
                    record = _state.sent();
                    return [
                        2,
                        {
                            isNew: isNew,
                            record: record
                        }
                    ];
                case 5:
                    e = _state.sent();
                    return [
                        4,
                        rollBack(etcd, slots, before, revision)
                    ];
                case 6:
                    _state.sent();
                    throw e;
                case 7:
                    return [
                        2
                    ];
            }
        });
    })();
}
function sealedPuts(etcd, slots, pair) {
    return _async_to_generator(function() {
        var operations, i, slot, value;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    operations = [];
                    i = 0;
                    _state.label = 1;
                case 1:
                    if (!(i < slots.length)) return [
                        3,
                        4
                    ];
                    slot = slots[i];
                    return [
                        4,
                        sealValue(etcd, slot, pair.chain + pair.key)
                    ];
                case 2:
                    value = _state.sent();
                    operations.push(putOperation(etcd.prefix + slot, value));
                    _state.label = 3;
                case 3:
                    i++;
                    return [
                        3,
                        1
                    ];
                case 4:
                    return [
                        2,
                        operations
                    ];
            }
        });
    })();
}
function installHere(context, etcd, slots, pair, param) {
    var before = param.before, revision = param.revision;
    var position = findPosition(etcd);
    var version = versionOf(position, revision);
    var open = slots.filter(function(slot) {
        return !isOvertaken(etcd, slot, revision);
    });
    var created = open.map(function(slot) {
        var _a, _b;
        return (_b = (_a = before[slots.indexOf(slot)]) == null ? void 0 : _a.createRevision) != null ? _b : revision;
    });
    if (position) noteNew(etcd, position, open, created);
    installPair(context, etcd.zone, open, pair, version);
    return recordOfPut(context, slots[0], pair, version);
}
/**
 * Deletes a name from etcd, and here.
 *
 * @returns the revision of etcd at which it was deleted
 * @throws (rejects with) not-found, store-unavailable, precondition-failed, store-failed: as `putThrough`
 */
function deleteThrough(context, conditions, etcd, name) {
    return _async_to_generator(function() {
        var zone, slots, operations, _ref, before, revision, e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    zone = etcd.zone;
                    slots = [
                        name,
                        rsaKey(name)
                    ];
                    operations = slots.map(function(slot) {
                        return deleteOperation(etcd.prefix + slot);
                    });
                    return [
                        4,
                        commit(conditions, etcd, slots, operations, function(found) {
                            return _async_to_generator(function() {
                                var isThere;
                                return _ts_generator(this, function(_state) {
                                    switch(_state.label){
                                        case 0:
                                            return [
                                                4,
                                                expectMet(context, conditions, etcd, name, slots, slots, found)
                                            ];
                                        case 1:
                                            _state.sent();
                                            expectStore(context, zone, slots);
                                            isThere = found.some(function(kv) {
                                                return kv !== void 0;
                                            }) || findAllHeld(context, name).length > 0;
                                            if (!isThere) refuse("not-found", "Nothing is held under ".concat(name, "."));
                                            return [
                                                2
                                            ];
                                    }
                                });
                            })();
                        })
                    ];
                case 1:
                    _ref = _state.sent(), before = _ref.before, revision = _ref.revision;
                    _state.label = 2;
                case 2:
                    _state.trys.push([
                        2,
                        4,
                        ,
                        6
                    ]);
                    return [
                        4,
                        withLocksIfRoom(zone, [
                            "#etcd" /* FOLLOWER */
                        ].concat(slots), function() {
                            var open = slots.filter(function(slot) {
                                return !isOvertaken(etcd, slot, revision);
                            });
                            removePair(context, zone, open);
                        })
                    ];
                case 3:
                    _state.sent();
                    return [
                        3,
                        6
                    ];
                case 4:
                    e = _state.sent();
                    return [
                        4,
                        rollBack(etcd, slots, before, 0)
                    ];
                case 5:
                    _state.sent();
                    throw e;
                case 6:
                    return [
                        2,
                        revision
                    ];
            }
        });
    })();
}
function commit(conditions, etcd, slots, operations, expect) {
    return _async_to_generator(function() {
        var _loop, keys, attempt, _ret;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    _loop = function(attempt) {
                        var found, compare2, _ref, succeeded, header, before;
                        return _ts_generator(this, function(_state) {
                            switch(_state.label){
                                case 0:
                                    return [
                                        4,
                                        transact(etcd, [], keys.map(getOperation))
                                    ];
                                case 1:
                                    found = _state.sent().found;
                                    return [
                                        4,
                                        expect(found)
                                    ];
                                case 2:
                                    _state.sent();
                                    compare2 = conditions.isConditional ? keys.map(function(key, i) {
                                        return isUnchanged(key, found[i] ? found[i].modRevision : 0);
                                    }) : [];
                                    return [
                                        4,
                                        transact(etcd, compare2, operations)
                                    ];
                                case 3:
                                    _ref = _state.sent(), succeeded = _ref.succeeded, header = _ref.header, before = _ref.found;
                                    if (succeeded) return [
                                        2,
                                        {
                                            v: {
                                                before: before,
                                                revision: header.revision
                                            }
                                        }
                                    ];
                                    return [
                                        2
                                    ];
                            }
                        });
                    };
                    keys = slots.map(function(slot) {
                        return etcd.prefix + slot;
                    });
                    attempt = 0;
                    _state.label = 1;
                case 1:
                    if (!(attempt < 10 /* MOST_ATTEMPTS */)) return [
                        3,
                        4
                    ];
                    return [
                        5,
                        _ts_values(_loop(attempt))
                    ];
                case 2:
                    _ret = _state.sent();
                    if (_type_of(_ret) === "object") return [
                        2,
                        _ret.v
                    ];
                    _state.label = 3;
                case 3:
                    attempt++;
                    return [
                        3,
                        1
                    ];
                case 4:
                    return [
                        2,
                        refuse("precondition-failed", "Other clients keep changing it. Read it again.")
                    ];
            }
        });
    })();
}
function noteNew(etcd, position, slots, created) {
    var isToNote = false;
    for(var i = 0; i < slots.length; i++){
        var key = etcd.prefix + slots[i];
        isToNote = expectNew(position, key, created[i]) || isToNote;
    }
    if (isToNote) putPosition(etcd.zone, position);
}
function expectMet(context, conditions, etcd, name, own, slots, found) {
    return _async_to_generator(function() {
        var fingerprint, i, slot;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    if (!conditions.isConditional) return [
                        2
                    ];
                    fingerprint = "";
                    i = 0;
                    _state.label = 1;
                case 1:
                    if (!(i < own.length && !fingerprint)) return [
                        3,
                        4
                    ];
                    slot = own[i];
                    return [
                        4,
                        fingerprintOfValue(context, etcd, slot, found[slots.indexOf(slot)])
                    ];
                case 2:
                    fingerprint = _state.sent();
                    _state.label = 3;
                case 3:
                    i++;
                    return [
                        3,
                        1
                    ];
                case 4:
                    conditions.check(name, fingerprint);
                    return [
                        2
                    ];
            }
        });
    })();
}
function fingerprintOfValue(context, etcd, slot, kv) {
    return _async_to_generator(function() {
        var held, sent, e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    held = findHeld(context, slot);
                    if (!kv) return [
                        2,
                        held && held.meta.source === "etcd" ? "" : fingerprintOfHeld(held)
                    ];
                    if (versionOf(findPosition(etcd), kv.modRevision) === findVersion(etcd.zone, slot)) return [
                        2,
                        fingerprintOfHeld(held)
                    ];
                    _state.label = 1;
                case 1:
                    _state.trys.push([
                        1,
                        3,
                        ,
                        4
                    ]);
                    return [
                        4,
                        openValue(etcd, slot, kv.value)
                    ];
                case 2:
                    sent = readText.apply(void 0, [
                        _state.sent()
                    ]);
                    return [
                        2,
                        fingerprintOf(readPair(sent.pem, sent.keyPem, Date.now() / 1e3).leaf)
                    ];
                case 3:
                    e = _state.sent();
                    return [
                        2,
                        fingerprintOfHeld(held)
                    ];
                case 4:
                    return [
                        2
                    ];
            }
        });
    })();
}
function isOvertaken(etcd, slot, revision) {
    var held = findVersion(etcd.zone, slot);
    return hasPassed(findPosition(etcd), etcd.prefix + slot, held, revision);
}
function rollBack(etcd, slots, before, revision) {
    return _async_to_generator(function() {
        var keys, compare2, operations, e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    keys = slots.map(function(slot) {
                        return etcd.prefix + slot;
                    });
                    compare2 = keys.map(function(key) {
                        return isUnchanged(key, revision);
                    });
                    operations = keys.map(function(key, i) {
                        var kv = before[i];
                        return kv ? putOperation(key, kv.value) : deleteOperation(key);
                    });
                    _state.label = 1;
                case 1:
                    _state.trys.push([
                        1,
                        3,
                        ,
                        4
                    ]);
                    return [
                        4,
                        transact(etcd, compare2, operations)
                    ];
                case 2:
                    _state.sent();
                    return [
                        3,
                        4
                    ];
                case 3:
                    e = _state.sent();
                    return [
                        3,
                        4
                    ];
                case 4:
                    return [
                        2
                    ];
            }
        });
    })();
}

// ======== scan/: finds the certificates of a folder, a slice of work at a time
// src/scan/scan.ts
/**
 * Brings the index up to date, for a request that has to answer after that. This call does a part of a large scan, and waits until
 * `js_periodic` has done the rest; where that makes no progress, an error is logged. Without `$cert_scan` it does nothing.
 */
function scanNow(caller) {
    return _async_to_generator(function() {
        var since, effort, position, giveUpAt, began, zone, state, reached;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    since = Date.now();
                    effort = {
                        read: 0,
                        checked: 0,
                        lacksRoom: false
                    };
                    position = "";
                    giveUpAt = 0;
                    _state.label = 1;
                case 1:
                    began = Date.now();
                    if (mayDoMore(effort)) {
                        if (scanSlice(caller, since, effort) === "done") return [
                            2
                        ];
                    } else {
                        zone = contextOf(caller).zone;
                        state = zone && readScanState(zone);
                        if (!state || state.ended > 0 && state.began > since) return [
                            2
                        ];
                        reached = "".concat(state.began, " ").concat(state.done);
                        if (reached !== position) giveUpAt = Date.now() + 6e3 /* PATIENCE_MS */;
                        else if (Date.now() > giveUpAt) {
                            caller.error("cert_rotation: scan: js_periodic does not continue it; some files were not read");
                            return [
                                2
                            ];
                        }
                        position = reached;
                    }
                    return [
                        4,
                        yieldFor(began)
                    ];
                case 2:
                    _state.sent();
                    _state.label = 3;
                case 3:
                    return [
                        3,
                        1
                    ];
                case 4:
                    return [
                        2
                    ];
            }
        });
    })();
}

// ======== admin/: the HTTP API, the clear for stream, and the metrics
// src/admin/form.ts
function isForm(contentType) {
    return /^\s*multipart\/form-data\b/i.test(contentType);
}
/**
 * Reads the fields of a form. Fields with a file name are treated like others.
 *
 * @param text the body
 * @param contentType of the request, with the boundary
 * @returns the texts by field name
 * @throws malformed: the type has no boundary, the form is cut off, or a field has no name or is repeated
 */
function readForm(text, contentType) {
    var boundary = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType);
    if (boundary === null) return refuse("malformed", "The Content-Type of the form is without a boundary.");
    var parts = "\r\n".concat(text).split("\r\n--".concat(boundary[1] || boundary[2] || ""), 16 /* MOST_FIELDS */ + 2);
    var end = parts.pop();
    if (parts.length === 0 || end.slice(0, 2) !== "--") {
        return refuse("malformed", "The form is cut off, or has over ".concat(16 /* MOST_FIELDS */, " fields."));
    }
    var fields = /* @__PURE__ */ Object.create(null);
    for(var i = 1; i < parts.length; i++){
        var part = parts[i];
        var bodyAt = part.indexOf("\r\n\r\n");
        var header = part.slice(0, Math.min(Math.max(bodyAt, 0), 4096 /* LONGEST_HEADER */));
        var name = /\r\ncontent-disposition:\s*form-data\s*;(?:.*;)?\s*name="([^"]*)"/i.exec(header);
        if (name === null) return refuse("malformed", "The form has a field with no name.");
        var field = name[1];
        if (field in fields) refuse("malformed", "The form has two fields of one name.");
        fields[field] = part.slice(bodyAt + 4);
    }
    return fields;
}
// src/admin/body.ts
/**
 * Reads the pair in a request's body, which is one of:
 *
 * - `multipart/form-data` (RFC 7578) with the fields `cert` and `key`;
 * - JSON, `{"cert":"…","key":"…"}`, whatever the Content-Type;
 * - PEM text with chain and key in any order, whatever the Content-Type.
 *
 * @throws too-large, malformed
 */
function readBody(r) {
    var text = bodyText(r);
    var type = r.headersIn["Content-Type"] || "";
    return isForm(type) ? fieldsOf2(readForm(text, type), "fields") : readText(text);
}
function bodyText(r) {
    if (Number(r.headersIn["Content-Length"]) > LARGEST_FILE) refuse("too-large", "The body may have at most 1 MiB." /* TOO_LARGE */);
    var text;
    try {
        text = r.requestText;
    } catch (e) {
        return spooledText(r);
    }
    if (!text) return "";
    if (text.length > LARGEST_FILE) refuse("too-large", "The body may have at most 1 MiB." /* TOO_LARGE */);
    return text;
}
function spooledText(r) {
    var path = variablesOf(r)["request_body_file"] || "";
    try {
        return exists(path) ? readFile(path) : readUnnamed(path);
    } catch (e) {
        return refuse("too-large", "".concat("The body may have at most 1 MiB." /* TOO_LARGE */, " nginx spooled this one to a file that could not be read."));
    }
}
// src/admin/guard.ts
/**
 * Refuses a request of a client that is not allowed, of a web page, or with a method that the handler does not support.
 *
 * `$remote_user` is set where the location has `auth_basic`, and nginx has then checked the password. Without `auth_basic` it is
 * whatever the client claims.
 *
 * @param methods the methods that the handler supports
 * @throws forbidden: the client is neither local nor authenticated by nginx, or a web page may have made the request;
 *   method-not-allowed, with the header `Allow` set
 */
function expectAllowed(r, methods) {
    if (!isAllowedClient(r)) {
        refuse("forbidden", "The client has to connect through loopback or a unix socket, or to authenticate; see $cert_admin_remote.");
    }
    if (isFromPage(function(name) {
        return r.headersIn[name];
    })) {
        refuse("forbidden", "A web page may not make this request; use a client such as curl.");
    }
    if (methods.indexOf(r.method) < 0) {
        r.headersOut["Allow"] = methods.join(", ");
        refuse("method-not-allowed", "Use ".concat(methods.join(" or "), "."));
    }
}
function isAllowedClient(r) {
    var variables = variablesOf(r);
    return isLocalClient(variables) || !!variables["remote_user"] || variables["ssl_client_verify"] === "SUCCESS" || isAdminRemote(variables);
}
/** Whether the client is connected through a unix socket or a loopback address. */
function isLocalClient(variables) {
    return isLocalAddress(variables["remote_addr"]) && isLocalAddress(variables["realip_remote_addr"] || variables["remote_addr"]);
}
function isLocalAddress(address) {
    return address !== void 0 && /^(unix:|127\.|::1$|::ffff:127\.)/.test(address);
}
/**
 * Whether a web page may have made the request.
 *
 * A browser sends `Origin` with all methods but GET and HEAD, even to the page's own site (Fetch standard, 3.2). This also stops a
 * page whose domain was made to resolve to this address. For GET and HEAD, `Sec-Fetch-Site` tells. Browsers send it to addresses
 * that they trust: TLS, or loopback by its own name. Where both headers are absent, the request is a page's if its `User-Agent` is
 * that of a browser.
 *
 * @param header returns a header of the request by its lower-case name
 */
function isFromPage(header) {
    if (header("origin") !== void 0) return true;
    var site = header("sec-fetch-site");
    if (site !== void 0) return site !== "none" && site !== "same-origin";
    return /^Mozilla\//.test(header("user-agent") || "");
}
// src/admin/problems.ts
var PROBLEMS = {
    malformed: {
        status: 400,
        title: "The request cannot be understood"
    },
    forbidden: {
        status: 403,
        title: "This client is not allowed"
    },
    "not-found": {
        status: 404,
        title: "No certificate is held under this name"
    },
    "method-not-allowed": {
        status: 405,
        title: "The method is not supported here"
    },
    "precondition-failed": {
        status: 412,
        title: "The certificate has changed since you read it"
    },
    "too-large": {
        status: 413,
        title: "The body is too large"
    },
    "key-mismatch": {
        status: 422,
        title: "The private key does not belong to the certificate",
        advice: "Send the certificate and the key of one issuance."
    },
    expired: {
        status: 422,
        title: "The certificate has expired",
        advice: "Send its renewal."
    },
    "name-not-covered": {
        status: 422,
        title: "The certificate does not cover this name",
        advice: "Put it under one of its own names, or under /certs/ for all of them."
    },
    "encrypted-key": {
        status: 422,
        title: "The private key is encrypted"
    },
    weak: {
        status: 422,
        title: "The certificate or its key is too weak for OpenSSL",
        advice: "Have a new certificate issued."
    },
    "unsupported-key": {
        status: 422,
        title: "The private key cannot be used"
    },
    "bad-chain": {
        status: 422,
        title: "The certificates do not form a chain",
        advice: "Send the intermediates that the authority gave with the leaf."
    },
    internal: {
        status: 500,
        title: "The script failed unexpectedly"
    },
    "store-failed": {
        status: 500,
        title: "The store could not be written"
    },
    "store-unavailable": {
        status: 503,
        title: "The etcd cluster did not accept the change"
    },
    "zone-full": {
        status: 507,
        title: "The shared dictionary has no room"
    }
};
var CODES = Object.keys(PROBLEMS);
// src/admin/response.ts
/**
 * Answers with the problem that an exception stands for, and counts it.
 *
 * @param e a refusal; the error of a full zone; anything else is logged, and answered as `internal`
 */
function answerError(r, zone, e) {
    var _problemOf = problemOf(r, e), code = _problemOf.code, reason = _problemOf.reason;
    if (zone) count(zone, "refusals_total", refusalLabels("api", code));
    answerProblem(r, code, reason);
}
function problemOf(r, e) {
    if (isRefusal(e)) return {
        code: e.code,
        reason: e.message
    };
    if (isZoneFull(e)) return {
        code: "zone-full",
        reason: "Nothing was changed. Give js_shared_dict_zone a larger size." /* NO_ROOM */
    };
    r.error("cert_rotation: ".concat(e.message));
    return {
        code: "internal",
        reason: "See the error log."
    };
}
function answerProblem(r, code, reason) {
    var _PROBLEMS_code = PROBLEMS[code], status = _PROBLEMS_code.status, title = _PROBLEMS_code.title, advice = _PROBLEMS_code.advice;
    var detail = advice ? "".concat(sentence(reason), " ").concat(advice) : sentence(reason);
    r.headersOut["Content-Type"] = "application/problem+json";
    answer(r, status, JSON.stringify({
        title: title,
        status: status,
        code: code,
        detail: detail
    }) + "\n");
}
var BEGINS_WITH_NAME = /^[^ ]*[./_]/;
function sentence(reason) {
    var first = reason.charAt(0);
    var text = (BEGINS_WITH_NAME.test(reason) ? first : first.toUpperCase()) + reason.slice(1);
    return /[.?!]$/.test(text) ? text : "".concat(text, ".");
}
/** Answers with a body of JSON. */
function answerJson(r, status, body) {
    r.headersOut["Content-Type"] = "application/json";
    answer(r, status, JSON.stringify(body) + "\n");
}
/** Sends an answer. The caller must send only one: a second one would crash the worker. */
function answer(r, status, text) {
    try {
        r.return(status === 200 && isJudgedByNginx(r) ? 203 /* STATUS_DONE */ : status, text);
    } catch (e) {
        r.log("cert_rotation: ".concat(e.message));
    }
}
/**
 * Whether nginx itself may turn a 200 into a 412 or 304 although the request was done. Before njs 0.9.1, nginx compares the
 * conditions of the request with an answer whose entity tag it does not know.
 */
function isJudgedByNginx(param) {
    var headersIn = param.headersIn;
    var isConditional = (headersIn["If-Match"] || "*") !== "*" || headersIn["If-None-Match"] === "*" || headersIn["If-Unmodified-Since"] !== void 0;
    return isConditional && njs.version_number < 2305 /* NJS_0_9_1 */;
}
// src/admin/request.ts
/**
 * Does the work of an HTTP handler, if the client is allowed to ask for it. An exception becomes the answer.
 *
 * @param methods the methods that the handler supports
 * @param work answers the request, or throws
 */
function handle(r, methods, work) {
    return _async_to_generator(function() {
        var context, e;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    context = contextOf(r);
                    _state.label = 1;
                case 1:
                    _state.trys.push([
                        1,
                        3,
                        ,
                        4
                    ]);
                    expectAllowed(r, methods);
                    return [
                        4,
                        work(context)
                    ];
                case 2:
                    _state.sent();
                    return [
                        3,
                        4
                    ];
                case 3:
                    e = _state.sent();
                    answerError(r, context.zone, e);
                    return [
                        3,
                        4
                    ];
                case 4:
                    return [
                        2
                    ];
            }
        });
    })();
}
/**
 * Reads the name in a request's path, after `/certs/`.
 *
 * @returns a normalised name or wildcard; '' where the path ends with `/certs/`, or does not contain it
 * @throws malformed: the text there is neither a name nor a wildcard
 */
function nameInPath(r) {
    var at = r.uri.indexOf("/certs/" /* NAMES_PATH */);
    var text = at < 0 ? "" : r.uri.slice(at + "/certs/" /* NAMES_PATH */.length);
    var name = normaliseWithWildcard(text);
    if (text && !name) refuse("malformed", "The path has to name a server name or a wildcard.");
    return name;
}
// src/admin/clear.ts
/**
 * `GET` or `POST /clear`: has the files of every name, or of the one in `?name=`, read again at its next handshake, on every
 * worker. A clear also forgets that a name has no files. A pair stays where its files turn out to be unusable. The index of
 * `$cert_scan` is up to date when the answer is sent.
 *
 * Answers 200 `{"cleared":"all"}` or `{"cleared":NAME,"cached":true}`; 400 where `?name=` is not a name; 507 where the zone has
 * no room to note the clear.
 */
function clear_cache(r) {
    return _async_to_generator(function() {
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    return [
                        4,
                        handle(r, [
                            "GET",
                            "POST"
                        ], function(context) {
                            return _async_to_generator(function() {
                                var _tmp;
                                return _ts_generator(this, function(_state) {
                                    switch(_state.label){
                                        case 0:
                                            _tmp = [
                                                r,
                                                200
                                            ];
                                            return [
                                                4,
                                                clear(context, r.args["name"])
                                            ];
                                        case 1:
                                            answerJson.apply(void 0, _tmp.concat([
                                                _state.sent()
                                            ]));
                                            return [
                                                2
                                            ];
                                    }
                                });
                            })();
                        })
                    ];
                case 1:
                    _state.sent();
                    return [
                        2
                    ];
            }
        });
    })();
}
/**
 * Marks the records of one name, or of all names, as stale.
 *
 * @param asked the argument `name` as a request or a connection has it; undefined for all names
 * @throws (rejects with) malformed, zone-full
 */
function clear(context, asked) {
    return _async_to_generator(function() {
        var r, zone, misses, token, name, slots, keys, cached, _tmp;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    r = context.r, zone = context.zone, misses = context.misses;
                    if (!(asked === void 0)) return [
                        3,
                        3
                    ];
                    token = newToken();
                    placeClear(context, token);
                    if (!zone) return [
                        3,
                        2
                    ];
                    clearAll(zone, token);
                    count(zone, "clears_total", 'scope="all"');
                    return [
                        4,
                        scanNow(r)
                    ];
                case 1:
                    _state.sent();
                    _state.label = 2;
                case 2:
                    return [
                        2,
                        {
                            cleared: "all"
                        }
                    ];
                case 3:
                    name = typeof asked === "string" && normaliseWithWildcard(asked) || refuse("malformed", "name= takes one server name or one wildcard such as *.example.com.");
                    slots = [
                        name,
                        rsaKey(name)
                    ];
                    keys = zone ? slots.concat(filesBehind(context, slots)) : [];
                    _tmp = zone !== void 0;
                    if (!_tmp) return [
                        3,
                        5
                    ];
                    return [
                        4,
                        withLocks(zone, keys, function() {
                            return keys.map(function(key) {
                                return clearOne(context, zone, key);
                            }).indexOf(true) >= 0;
                        })
                    ];
                case 4:
                    _tmp = _state.sent();
                    _state.label = 5;
                case 5:
                    cached = _tmp;
                    slots.forEach(function(slot) {
                        if (misses) forgetMissing(misses, slot);
                    });
                    if (!zone) return [
                        3,
                        7
                    ];
                    count(zone, "clears_total", 'scope="name"');
                    return [
                        4,
                        scanNow(r)
                    ];
                case 6:
                    _state.sent();
                    _state.label = 7;
                case 7:
                    return [
                        2,
                        {
                            cleared: name,
                            cached: cached
                        }
                    ];
            }
        });
    })();
}
function filesBehind(context, slots) {
    return slots.map(function(slot) {
        return recordNow(context, slot);
    }).filter(isPointer).map(targetOf).filter(function(key, i, all) {
        return all.indexOf(key) === i;
    });
}
function recordNow(context, slot) {
    var zone = context.zone;
    return currentOf(context, slot, zone && findRecord(zone, slot)).record || "";
}
function placeClear(param, token) {
    var r = param.r, zone = param.zone, store = param.store;
    if (!store) return;
    try {
        placeClearToken(store, token);
        if (zone) noteStoreToken(zone, token);
    } catch (e) {
        r.error("cert_rotation: the store does not note the clear: ".concat(e.message));
    }
}
function clearOne(context, zone, slot) {
    var held = recordNow(context, slot);
    if (!isAnswer(held) || !readMeta(held)) {
        removeRecord(zone, slot);
        return false;
    }
    if (!putRecord(zone, slot, markStale(held))) {
        refuse("zone-full", "Nothing was cleared. Give js_shared_dict_zone a larger size.");
    }
    try {
        if (context.store) clearEntry(context.store, slot);
    } catch (e) {
        context.r.error("cert_rotation: the store does not note the clear: ".concat(e.message));
    }
    return true;
}
// src/admin/clear_stream.ts
/**
 * Clears the zone of a `stream` block, as `/clear` does in `http`, for `js_preread` in a server of its own, which answers by
 * `return`. nginx runs that `return` once the clear is done. Where the clear is refused or fails, the reason is logged and the
 * connection closed without an answer.
 *
 * The request is a `GET` or `POST` of any path, from a client on loopback or a unix socket.
 */
function clear_stream(s) {
    var isRead2 = false;
    s.on("upload", function(text) {
        if (isRead2 || text.indexOf("\r\n\r\n") < 0) return;
        isRead2 = true;
        clearFor(s, text).then(function() {
            s.allow();
        }, function(e) {
            var code = isRefusal(e) ? "".concat(e.code, ": ") : "";
            s.error("cert_rotation: /clear: ".concat(code).concat(e.message));
            s.deny();
        });
    });
}
function clearFor(s, text) {
    return _async_to_generator(function() {
        var _readRequestHead, names, headers;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    if (!isLocalClient(variablesOf(s))) {
                        refuse("forbidden", "the client has to connect through loopback or a unix socket");
                    }
                    _readRequestHead = readRequestHead(text), names = _readRequestHead.names, headers = _readRequestHead.headers;
                    if (isFromPage(function(name) {
                        return headers[name];
                    })) {
                        refuse("forbidden", "a web page may not make this request");
                    }
                    return [
                        4,
                        clear(contextOf(s), names.length > 1 ? names : names[0])
                    ];
                case 1:
                    _state.sent();
                    return [
                        2
                    ];
            }
        });
    })();
}
function readRequestHead(text) {
    var lines = text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n");
    var line = /^(?:GET|POST) [^ ?]+(?:\?([^ ]*))? HTTP\/1\.[01]$/.exec(lines[0]);
    if (!line) return refuse("malformed", "the request is not a GET or POST of HTTP/1");
    var headers = {};
    lines.slice(1).forEach(function(header) {
        var colon = header.indexOf(":");
        headers[header.slice(0, colon).toLowerCase()] = header.slice(colon + 1).trim();
    });
    var names = (line[1] || "").split("&").filter(function(argument) {
        return argument === "name" || argument.startsWith("name=");
    }).map(function(argument) {
        return decodeArgument(argument.slice("name=".length));
    });
    return {
        names: names,
        headers: headers
    };
}
function decodeArgument(text) {
    try {
        return decodeURIComponent(text);
    } catch (e) {
        return refuse("malformed", "an argument is not percent-encoded UTF-8");
    }
}
// src/admin/preconditions.ts
/**
 * The entity tag of a certificate (RFC 9110, 8.8.3). The answers to a read and to a put of it have the same one.
 *
 * @param fingerprint SHA-256 in lower-case hex
 */
function entityTag(fingerprint) {
    return '"'.concat(fingerprint, '"');
}
/**
 * Reads the conditions that protect a name from concurrent writers (RFC 9110, 13.1.1 and 13.1.2): `If-Match` with the entity tag
 * that the client has read, `If-None-Match: *` for a name without a pair.
 */
function conditionsOf(param) {
    var headersIn = param.headersIn;
    var ifMatch = headersIn["If-Match"];
    var ifNoneMatch = headersIn["If-None-Match"];
    return {
        isConditional: ifMatch !== void 0 || ifNoneMatch !== void 0,
        check: function check(name, fingerprint) {
            var tag = fingerprint && entityTag(fingerprint);
            var isMet = (ifMatch === void 0 || isListed(ifMatch, tag)) && (ifNoneMatch === void 0 || !isListed(ifNoneMatch, tag));
            if (isMet) return;
            var current = tag ? "The certificate of ".concat(name, " is ").concat(tag, ".") : "There is no certificate for ".concat(name, ".");
            refuse("precondition-failed", "".concat(current, " Read it again before you replace it."));
        }
    };
}
function isListed(list, tag) {
    if (tag === "") return false;
    if (list.trim() === "*") return true;
    return list.split(",").some(function(one) {
        return one.trim() === tag;
    });
}
// src/admin/delete.ts
/**
 * `DELETE /certs/NAME`: removes the pairs of a name from both its slots, and from the store. The next handshake reads the
 * name's files again, if there are any.
 *
 * With `$cert_etcd` the name is deleted in etcd first: see write_through.ts.
 *
 * Answers 200 `{"deleted":NAME}`, with etcd also the `revision` of the delete; 404 where there is no pair.
 */
function delete_cert(r) {
    return _async_to_generator(function() {
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    return [
                        4,
                        handle(r, [
                            "DELETE"
                        ], function(context) {
                            return _async_to_generator(function() {
                                var zone, name, etcd, answer2;
                                return _ts_generator(this, function(_state) {
                                    switch(_state.label){
                                        case 0:
                                            zone = context.zone;
                                            name = nameInPath(r) || refuse("malformed", "The path needs a name: /certs/NAME.");
                                            if (!zone) return [
                                                2,
                                                refuse("not-found", "Nothing is held under ".concat(name, ": there is no zone."))
                                            ];
                                            etcd = etcdOf(variablesOf(r), zone);
                                            answer2 = {
                                                deleted: name
                                            };
                                            if (!etcd) return [
                                                3,
                                                2
                                            ];
                                            return [
                                                4,
                                                deleteThrough(context, conditionsOf(r), etcd, name)
                                            ];
                                        case 1:
                                            answer2.revision = _state.sent();
                                            return [
                                                3,
                                                4
                                            ];
                                        case 2:
                                            return [
                                                4,
                                                deleteHere(r, context, zone, name)
                                            ];
                                        case 3:
                                            _state.sent();
                                            _state.label = 4;
                                        case 4:
                                            return [
                                                4,
                                                scanNow(r)
                                            ];
                                        case 5:
                                            _state.sent();
                                            count(zone, "deletes_total", "");
                                            r.log("cert_rotation: ".concat(name, ": deleted by ").concat(r.remoteAddress));
                                            answerJson(r, 200, answer2);
                                            return [
                                                2
                                            ];
                                    }
                                });
                            })();
                        })
                    ];
                case 1:
                    _state.sent();
                    return [
                        2
                    ];
            }
        });
    })();
}
function deleteHere(r, context, zone, name) {
    return _async_to_generator(function() {
        var slots;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    slots = [
                        name,
                        rsaKey(name)
                    ];
                    return [
                        4,
                        withLocksIfRoom(zone, slots, function() {
                            var held = findAllHeld(context, name)[0];
                            var conditions = conditionsOf(r);
                            if (conditions.isConditional) conditions.check(name, fingerprintOfHeld(held));
                            expectStore(context, zone, slots);
                            if (!held) refuse("not-found", "Nothing is held under ".concat(name, "."));
                            removePair(context, zone, slots);
                        })
                    ];
                case 1:
                    _state.sent();
                    return [
                        2
                    ];
            }
        });
    })();
}
// src/admin/entry.ts
function endsSoon(param, left) {
    var notAfter = param.notAfter;
    if (left < 0 || left > 86400 /* DAY_S */) return [];
    return [
        "The certificate ends at ".concat(new Date(notAfter * 1e3).toISOString(), ", within a day.")
    ];
}
/**
 * Describes the pair of a name.
 *
 * @param record of a slot of the name; it has a pair
 * @param meta of the record
 * @param leaf of the record's pair, where the caller has read it already
 */
function entryOf(name, record, meta) {
    var leaf = arguments.length > 3 && arguments[3] !== void 0 ? arguments[3] : leafOf(record);
    var left = leaf.notAfter - Date.now() / 1e3;
    var problem = meta.problem;
    var entry = Object.assign({
        name: name
    }, describe(leaf), {
        days_left: Math.floor(left / 86400 /* DAY_S */),
        key_proven: !meta.isUnproven,
        source: meta.source,
        state: left < 0 ? "expired" : problem ? "last-good" : "ok",
        error: problem ? "".concat(problem.code, ": ").concat(problem.detail) : null,
        warnings: (meta.warnings || []).concat(endsSoon(leaf, left)),
        loaded_at: new Date(meta.loadedAt).toISOString(),
        checked_at: new Date(checkedAt(record)).toISOString()
    });
    if (meta.etcd !== void 0) entry.revision = revisionIn(meta.etcd);
    return entry;
}
// src/admin/exposition.ts
/** The lines before the samples of a metric. */
function headOf(metric, type, help) {
    return "# HELP ".concat("cert_rotation_" /* METRIC_PREFIX */).concat(metric, " ").concat(help, "\n# TYPE ").concat("cert_rotation_" /* METRIC_PREFIX */).concat(metric, " ").concat(type, "\n");
}
/**
 * The line of a sample.
 *
 * @param series the metric and its labels
 */
function sample(series, value) {
    return "".concat("cert_rotation_" /* METRIC_PREFIX */).concat(series, " ").concat(value, "\n");
}
// src/admin/pages.ts
/**
 * The names after a name, in their order.
 *
 * @param after '' for the first names
 * @param most the largest number of names that are returned
 */
function namesAfter(zone, after, most) {
    return keysAfter(zone, after, most, false);
}
/** The stems of scanned files after a stem, likewise. */
function stemsAfter(zone, after, most) {
    return keysAfter(zone, after, most, true);
}
function keysAfter(zone, after, most, isForFiles) {
    return _async_to_generator(function() {
        var first;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    first = [];
                    return [
                        4,
                        eachSlice(keysOf(zone), function(slots) {
                            var end = first.length === most ? first[most - 1] : void 0;
                            var found = slots.filter(function(slot) {
                                return isFileKey(slot) === isForFiles;
                            }).map(nameOf).filter(function(name) {
                                return name > after && (end === void 0 || name < end);
                            });
                            if (found.length > 0) first = distinct(first.concat(found).sort()).slice(0, most);
                        })
                    ];
                case 1:
                    _state.sent();
                    return [
                        2,
                        first
                    ];
            }
        });
    })();
}
function distinct(sorted) {
    return sorted.filter(function(name, i) {
        return name !== sorted[i - 1];
    });
}
// src/admin/files.ts
/**
 * One page of the scanned files, in the order of their stems.
 *
 * @param after the last stem of the page before; '' for the first page
 * @param limit the most files of a page
 * @returns the files, and as `next` the last stem of the page, or null where no file follows
 */
function filePage(zone, settings, after, limit) {
    return _async_to_generator(function() {
        var files, stems, yieldIfDue, i, key, record, meta;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    files = [];
                    return [
                        4,
                        stemsAfter(zone, after, limit + 1)
                    ];
                case 1:
                    stems = _state.sent();
                    yieldIfDue = timeSlicer();
                    i = 0;
                    _state.label = 2;
                case 2:
                    if (!(i < Math.min(stems.length, limit))) return [
                        3,
                        5
                    ];
                    key = fileKey(stems[i]);
                    record = findRecord(zone, key) || "";
                    meta = readMeta(record);
                    if (meta) files.push(fileEntryOf(slotPaths(settings, key).cert, record, meta));
                    return [
                        4,
                        yieldIfDue()
                    ];
                case 3:
                    _state.sent();
                    _state.label = 4;
                case 4:
                    i++;
                    return [
                        3,
                        2
                    ];
                case 5:
                    return [
                        2,
                        {
                            files: files,
                            next: stems.length > limit ? stems[limit - 1] : null
                        }
                    ];
            }
        });
    })();
}
function fileEntryOf(file, record, meta) {
    var names = meta.found ? meta.found.names : [];
    var problem = meta.problem;
    var entry = {
        file: file,
        names: names,
        state: problem ? "refused" : "not-held",
        error: problem ? "".concat(problem.code, ": ").concat(problem.detail) : null,
        checked_at: new Date(checkedAt(record)).toISOString()
    };
    if (holdsPair(record)) {
        entry.certificate = entryOf(names[0] || "", record, meta);
        entry.state = entry.certificate.state;
    }
    return entry;
}
// src/admin/list.ts
/**
 * Lists certificates. No answer contains a private key.
 *
 * - `GET /certs/`: all names' certificates in pages, as `{"certs":[…],"next":NAME}`. `next` is the value of `?after=` for the next
 *   page, or null. `?limit=` is 100 by default, and at most 1000.
 * - `GET /certs/NAME`: one name's certificate, with its entity tag, or its chain as PEM where the request has
 *   `Accept: application/pem-certificate-chain`.
 * - `GET /certs/?files`: the scanned files, including refused ones, in such pages.
 */
function list_certs(r) {
    return _async_to_generator(function() {
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    return [
                        4,
                        handle(r, [
                            "GET"
                        ], function(context) {
                            return _async_to_generator(function() {
                                var name;
                                return _ts_generator(this, function(_state) {
                                    switch(_state.label){
                                        case 0:
                                            name = nameInPath(r);
                                            if (!name) return [
                                                3,
                                                1
                                            ];
                                            answerOne(r, context, name);
                                            return [
                                                3,
                                                5
                                            ];
                                        case 1:
                                            if (!(r.args["files"] !== void 0)) return [
                                                3,
                                                3
                                            ];
                                            return [
                                                4,
                                                answerFiles(r, context)
                                            ];
                                        case 2:
                                            _state.sent();
                                            return [
                                                3,
                                                5
                                            ];
                                        case 3:
                                            return [
                                                4,
                                                answerPage(r, context)
                                            ];
                                        case 4:
                                            _state.sent();
                                            _state.label = 5;
                                        case 5:
                                            return [
                                                2
                                            ];
                                    }
                                });
                            })();
                        })
                    ];
                case 1:
                    _state.sent();
                    return [
                        2
                    ];
            }
        });
    })();
}
function answerOne(r, context, name) {
    var zone = context.zone, settings = context.settings;
    var held = zone ? findAllHeld(context, name) : [];
    var first = held[0];
    if (!first) {
        var why = zone ? reasonOf(zone, name) || reasonOf(zone, rsaKey(name)) : "";
        return refuse("not-found", "Nothing is held under ".concat(name, ".").concat(why));
    }
    var entry = entryOfName(settings, name, first, held[1]);
    r.headersOut["ETag"] = entityTag(entry.fingerprint_sha256);
    r.headersOut["Vary"] = "Accept";
    if (wantsChain(r.headersIn["Accept"] || "")) {
        r.headersOut["Content-Type"] = "application/pem-certificate-chain" /* CHAIN_TYPE */;
        answer(r, 200, chainIn(first.record));
    } else {
        answerJson(r, 200, entry);
    }
}
function reasonOf(zone, slot) {
    var meta = readMeta(findRecord(zone, slot) || "");
    if (!meta || !meta.problem) return "";
    var subject = meta.source === "etcd" ? "Its value in etcd was" : "Its files were";
    return " ".concat(subject, " refused, ").concat(meta.problem.code, ": ").concat(meta.problem.detail, ".");
}
function entryOfName(settings, name, first, other) {
    var entry = entryOfHeld(settings, name, first);
    if (other) entry.rsa = entryOfHeld(settings, name, other);
    return entry;
}
function entryOfHeld(settings, name, param) {
    var record = param.record, meta = param.meta, file = param.file;
    var entry = entryOf(name, record, meta);
    if (file !== void 0) entry.file = slotPaths(settings, file).cert;
    return entry;
}
function wantsChain(accept) {
    var weight = weightOf(accept, "application/pem-certificate-chain" /* CHAIN_TYPE */);
    return weight > 0 && weight >= weightOf(accept, "application/json");
}
function weightOf(accept, type) {
    var ranges = accept.toLowerCase().replace(/\s/g, "").split(",");
    var range = ranges.filter(function(one) {
        return one.split(";")[0] === type;
    })[0];
    if (range === void 0) return 0;
    var weight = /;q=([0-9.]+)/.exec(range);
    return weight ? +weight[1] : 1;
}
function answerPage(r, context) {
    return _async_to_generator(function() {
        var zone, limit, after, certs, next;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    zone = context.zone;
                    return [
                        4,
                        syncNames(context)
                    ];
                case 1:
                    _state.sent();
                    limit = limitOf(r.args["limit"]);
                    after = afterOf(r.args["after"]);
                    certs = [];
                    next = after;
                    _state.label = 2;
                case 2:
                    if (!(zone && next !== null && certs.length < limit)) return [
                        3,
                        4
                    ];
                    return [
                        4,
                        addEntries(certs, context, zone, next, limit)
                    ];
                case 3:
                    next = _state.sent();
                    return [
                        3,
                        2
                    ];
                case 4:
                    answerJson(r, 200, {
                        certs: certs,
                        next: zone ? next : null
                    });
                    return [
                        2
                    ];
            }
        });
    })();
}
function addEntries(certs, context, zone, after, limit) {
    return _async_to_generator(function() {
        var wanted, following, names, yieldIfDue, i, name, _findAllHeld, first, other;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    wanted = limit - certs.length;
                    return [
                        4,
                        namesAfter(zone, after, wanted + 1)
                    ];
                case 1:
                    following = _state.sent();
                    names = following.slice(0, wanted);
                    yieldIfDue = timeSlicer();
                    i = 0;
                    _state.label = 2;
                case 2:
                    if (!(i < names.length)) return [
                        3,
                        5
                    ];
                    name = names[i];
                    _findAllHeld = _sliced_to_array(findAllHeld(context, name), 2), first = _findAllHeld[0], other = _findAllHeld[1];
                    try {
                        if (first) certs.push(entryOfName(context.settings, name, first, other));
                    } catch (e) {
                        context.r.error("cert_rotation: ".concat(name, ": ").concat(e.message));
                    }
                    return [
                        4,
                        yieldIfDue()
                    ];
                case 3:
                    _state.sent();
                    _state.label = 4;
                case 4:
                    i++;
                    return [
                        3,
                        2
                    ];
                case 5:
                    return [
                        2,
                        following.length > wanted ? names[wanted - 1] : null
                    ];
            }
        });
    })();
}
function answerFiles(r, context) {
    return _async_to_generator(function() {
        var zone, settings, limit, argument, after, _tmp, _tmp1;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    zone = context.zone, settings = context.settings;
                    return [
                        4,
                        syncNames(context)
                    ];
                case 1:
                    _state.sent();
                    limit = limitOf(r.args["limit"]);
                    argument = r.args["after"];
                    after = typeof argument === "string" ? argument : "";
                    _tmp = [
                        r,
                        200
                    ];
                    if (!zone) return [
                        3,
                        3
                    ];
                    return [
                        4,
                        filePage(zone, settings, after, limit)
                    ];
                case 2:
                    _tmp1 = _state.sent();
                    return [
                        3,
                        4
                    ];
                case 3:
                    _tmp1 = {
                        files: [],
                        next: null
                    };
                    _state.label = 4;
                case 4:
                    answerJson.apply(void 0, _tmp.concat([
                        _tmp1
                    ]));
                    return [
                        2
                    ];
            }
        });
    })();
}
function limitOf(argument) {
    if (argument === void 0) return 100 /* DEFAULT_LIMIT */;
    var limit = typeof argument === "string" && /^[0-9]+$/.test(argument) ? +argument : 0;
    if (!(limit >= 1 && limit <= 1e3 /* LARGEST_LIMIT */)) {
        refuse("malformed", "limit= takes a number from 1 to ".concat(1e3 /* LARGEST_LIMIT */, "."));
    }
    return limit;
}
function afterOf(argument) {
    if (argument === void 0 || argument === "") return "";
    var after = typeof argument === "string" ? normaliseWithWildcard(argument) : "";
    return after || refuse("malformed", "after= takes a server name or a wildcard.");
}
// src/admin/metrics.ts
var PAIR_CODES = [
    "malformed",
    "key-mismatch",
    "expired",
    "name-not-covered",
    "encrypted-key",
    "weak",
    "unsupported-key",
    "bad-chain"
];
var DISK_CODES = PAIR_CODES.concat("unreadable");
var ETCD_CODES = PAIR_CODES.concat("bad-seal", "zone-full", "store-failed", "internal");
var COUNTERS = [
    {
        family: "loads_total",
        help: "Pairs read from files, by result.",
        labels: [
            'result="loaded"',
            'result="unchanged"',
            'result="refused"'
        ]
    },
    {
        family: "puts_total",
        help: "Pairs put through the API.",
        labels: [
            'result="created"',
            'result="replaced"'
        ]
    },
    {
        family: "deletes_total",
        help: "Names deleted through the API.",
        labels: [
            ""
        ]
    },
    {
        family: "clears_total",
        help: "Clears, of all names or of one.",
        labels: [
            'scope="all"',
            'scope="name"'
        ]
    },
    {
        family: "store_failures_total",
        help: "Pairs that went to nginx as text, since the store could not be written.",
        labels: [
            ""
        ]
    },
    {
        family: "refusals_total",
        help: "Refused files, requests and values of etcd, by code.",
        labels: DISK_CODES.map(function(code) {
            return refusalLabels("disk", code);
        }).concat(CODES.map(function(code) {
            return refusalLabels("api", code);
        }), ETCD_CODES.map(function(code) {
            return refusalLabels("etcd", code);
        }))
    }
];
/**
 * `GET /metrics`: the state of every name, the counters, and the space in the zones, in Prometheus' text format. The answer is
 * sent in pieces, so that handshakes do not wait until 10,000 names are written.
 */
function metrics(r) {
    return _async_to_generator(function() {
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    return [
                        4,
                        handle(r, [
                            "GET"
                        ], function(context) {
                            return _async_to_generator(function() {
                                var zone, misses, settings, keys, counts;
                                return _ts_generator(this, function(_state) {
                                    switch(_state.label){
                                        case 0:
                                            zone = context.zone, misses = context.misses, settings = context.settings;
                                            if (isJudgedByNginx(r)) {
                                                refuse("precondition-failed", "Metrics have no entity tag. Send the request without conditions.");
                                            }
                                            return [
                                                4,
                                                syncNames(context)
                                            ];
                                        case 1:
                                            _state.sent();
                                            keys = zone ? keysOf(zone) : [];
                                            counts = zone ? countsOf(zone, keys) : {};
                                            r.status = 200;
                                            r.headersOut["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8" /* TYPE */;
                                            r.sendHeader();
                                            if (!zone) return [
                                                3,
                                                3
                                            ];
                                            return [
                                                4,
                                                sendNames(r, zone, keys, settings)
                                            ];
                                        case 2:
                                            _state.sent();
                                            _state.label = 3;
                                        case 3:
                                            r.send(countersText(counts));
                                            r.send(zonesText(zoneName(variablesOf(r)), zone, misses));
                                            if (zone) r.send(etcdText(variablesOf(r), zone, misses));
                                            r.finish();
                                            return [
                                                2
                                            ];
                                    }
                                });
                            })();
                        })
                    ];
                case 1:
                    _state.sent();
                    return [
                        2
                    ];
            }
        });
    })();
}
function sendNames(r, zone, keys, settings) {
    return _async_to_generator(function() {
        var hasRsaSlot2, tally;
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    hasRsaSlot2 = settings.certFileRsa !== "";
                    tally = {
                        first: noStates(),
                        rsa: noStates(),
                        problems: [],
                        files: noStates(),
                        fileProblems: []
                    };
                    r.send(headOf("certificate_not_after_seconds", "gauge", "Expiry of the current certificate, in seconds since 1970."));
                    return [
                        4,
                        eachSlice(keys, function(slots) {
                            var lines = slots.map(function(slot) {
                                var text2 = isRsaKey(slot) && !hasRsaSlot2 ? "" : findSummary(zone, slot);
                                return text2 ? expiryOf(slot, readSummary(text2), settings, tally) : "";
                            });
                            var text = lines.join("");
                            if (text) r.send(text);
                        })
                    ];
                case 1:
                    _state.sent();
                    r.send(namesText(tally, hasRsaSlot2) + (settings.scan ? filesText(zone, tally) : ""));
                    return [
                        2
                    ];
            }
        });
    })();
}
function expiryOf(slot, summary, settings, tally) {
    var isPair = summary.isPair, notAfter = summary.notAfter, problem = summary.problem;
    if (isFileKey(slot)) {
        tally.files[stateOf(summary)]++;
        if (problem) tally.fileProblems.push(fileProblem(slotPaths(settings, slot).cert, summary));
        return "";
    }
    var name = nameOf(slot);
    var which = isRsaKey(slot) ? ',slot="rsa"' /* RSA_LABEL */ : "";
    var held = isPair ? "yes" : "no";
    if (problem) {
        var labels = 'name="'.concat(name, '",code="').concat(problem, '",held="').concat(held, '"').concat(which);
        tally.problems.push(sample("certificate_problem{".concat(labels, "}"), 1));
    }
    (isRsaKey(slot) ? tally.rsa : tally.first)[stateOf(summary)]++;
    return isPair ? sample('certificate_not_after_seconds{name="'.concat(name, '"').concat(which, "}"), notAfter) : "";
}
function stateOf(param) {
    var isPair = param.isPair, notAfter = param.notAfter, problem = param.problem;
    if (!isPair) return "refused";
    return notAfter < Date.now() / 1e3 ? "expired" : problem ? "last-good" : "ok";
}
function namesText(param, hasRsaSlot2) {
    var first = param.first, rsa = param.rsa, problems = param.problems;
    return headOf("certificate_problem", "gauge", "The newest pair of a name was refused; held: whether an older pair is served.") + problems.join("") + headOf("names", "gauge", "Names in the zone, by state; refused: without a pair to serve.") + statesText("names", first, "") + (hasRsaSlot2 ? statesText("names", rsa, ',slot="rsa"' /* RSA_LABEL */) : "");
}
function fileProblem(file, param) {
    var isPair = param.isPair, problem = param.problem;
    var held = isPair ? "yes" : "no";
    return sample('file_problem{file="'.concat(escaped(file), '",code="').concat(problem, '",held="').concat(held, '"}'), 1);
}
function filesText(zone, param) {
    var files = param.files, problems = param.fileProblems;
    var state = readScanState(zone);
    return headOf("files", "gauge", "Certificates that the scan has found, by state.") + statesText("files", files, "") + headOf("file_problem", "gauge", "A scanned file was refused; held: whether its older pair is served.") + problems.join("") + headOf("scan_began_seconds", "gauge", "Start of the latest scan, in seconds since 1970.") + sample("scan_began_seconds", state ? Math.floor(state.began / 1e3) : 0) + headOf("scan_pending", "gauge", "Files that the latest scan has not looked at yet.") + sample("scan_pending", state ? state.count - state.done : 0) + headOf("scan_failed", "gauge", "1 where the latest scan could not list the folder or store all names.") + sample("scan_failed", (state == null ? void 0 : state.fault) ? 1 : 0);
}
function noStates() {
    return {
        ok: 0,
        "last-good": 0,
        expired: 0,
        refused: 0
    };
}
function statesText(metric, states, which) {
    return Object.keys(states).map(function(state) {
        return sample("".concat(metric, '{state="').concat(state, '"').concat(which, "}"), states[state]);
    }).join("");
}
function countersText(counts) {
    return COUNTERS.map(function(param) {
        var family = param.family, help = param.help, labels = param.labels;
        var samples = labels.map(function(labelled) {
            var series = seriesOf(family, labelled);
            return sample(series, counts[series] || 0);
        });
        return headOf(family, "counter", help) + samples.join("");
    }).join("");
}
function zonesText(name, zone, misses) {
    var zones = zone ? [
        {
            label: labelOf(name),
            space: spaceOf(zone)
        }
    ] : [];
    if (misses) zones.push({
        label: labelOf(name + "_misses" /* MISSES_SUFFIX */),
        space: spaceOf(misses)
    });
    return headOf("zone_capacity_bytes", "gauge", "Size of a shared dictionary.") + zones.map(function(param) {
        var label = param.label, space = param.space;
        return sample("zone_capacity_bytes".concat(label), space.capacity);
    }).join("") + headOf("zone_free_bytes", "gauge", "Free pages of a shared dictionary, in bytes.") + zones.map(function(param) {
        var label = param.label, space = param.space;
        return sample("zone_free_bytes".concat(label), space.free);
    }).join("");
}
function labelOf(zone) {
    return '{zone="'.concat(escaped(zone), '"}');
}
function escaped(text) {
    return text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n");
}
/** The metrics of following etcd; '' where `$cert_etcd` is not set. */
function etcdText(variables, zone, misses) {
    var etcd = etcdOf(variables, zone);
    if (!etcd) return "";
    var progress = findPosition(etcd);
    return headOf("etcd_last_success_seconds", "gauge", "When a round of following etcd last succeeded, in seconds since 1970; 0: never.") + sample("etcd_last_success_seconds", succeededAt(zone, misses, progress) / 1e3) + headOf("etcd_revision", "gauge", "The revision of etcd up to which all changes are served.") + sample("etcd_revision", progress ? sinceOf(progress) : 0);
}
// src/admin/put.ts
/**
 * `PUT` or `POST /certs/NAME`: installs a pair for a name, or, without NAME, for every DNS name of its leaf.
 *
 * 1. The pair passes all checks; its key is proven by using it: see `readPair` and `proveKey`.
 * 2. The slot is chosen by the kind of the key: an RSA pair goes to the RSA slot, where there is one. It also replaces an RSA pair
 *    in the first slot, which could otherwise be served instead of the new one.
 * 3. The pair is written to the store, where there is one, and then to the zone. From then on every worker serves it.
 *
 * With `$cert_etcd` the pair is written to etcd before step 3: see write_through.ts.
 *
 * Whatever fails, all names keep the pairs that they had. Answers 201 where one of the names is new, otherwise 200, with the
 * certificate's description and its entity tag. Without NAME the description is that of the first name, and `names` lists all.
 */
function put_cert(r) {
    return _async_to_generator(function() {
        return _ts_generator(this, function(_state) {
            switch(_state.label){
                case 0:
                    return [
                        4,
                        handle(r, [
                            "PUT",
                            "POST"
                        ], function(context) {
                            return _async_to_generator(function() {
                                var zone, asked, sent, pair, names, proven, _ref, isNew, record, until, entry;
                                return _ts_generator(this, function(_state) {
                                    switch(_state.label){
                                        case 0:
                                            zone = context.zone || refuse("zone-full", "There is no js_shared_dict_zone to hold it.");
                                            asked = nameInPath(r);
                                            sent = readBody(r);
                                            pair = readPair(sent.pem, sent.keyPem, Date.now() / 1e3);
                                            names = asked ? [
                                                asked
                                            ] : namesOf(pair);
                                            names.forEach(function(name) {
                                                expectAcceptable(context, name, pair, {
                                                    from: "sender"
                                                });
                                            });
                                            return [
                                                4,
                                                provePair(context, pair)
                                            ];
                                        case 1:
                                            proven = _state.sent();
                                            return [
                                                4,
                                                replacePairs(r, context, zone, names, proven)
                                            ];
                                        case 2:
                                            _ref = _state.sent(), isNew = _ref.isNew, record = _ref.record;
                                            count(zone, "puts_total", 'result="'.concat(isNew ? "created" : "replaced", '"'));
                                            until = new Date(pair.leaf.notAfter * 1e3).toISOString();
                                            r.log("cert_rotation: ".concat(names.join(", "), ": put by ").concat(r.remoteAddress, ", valid until ").concat(until));
                                            entry = entryOf(names[0], record, readMeta(record), pair.leaf);
                                            r.headersOut["ETag"] = entityTag(entry.fingerprint_sha256);
                                            answerJson(r, isNew ? 201 : 200, asked ? entry : Object.assign({
                                                names: names
                                            }, entry));
                                            return [
                                                2
                                            ];
                                    }
                                });
                            })();
                        })
                    ];
                case 1:
                    _state.sent();
                    return [
                        2
                    ];
            }
        });
    })();
}
function replacePairs(r, context, zone, names, pair) {
    return _async_to_generator(function() {
        var settings, goesToRsa, conditions, targetsNow, etcd;
        return _ts_generator(this, function(_state) {
            settings = context.settings;
            goesToRsa = settings.certFileRsa !== "" && isRsa(pair);
            if (goesToRsa) {
                names.forEach(function(name) {
                    return refreshSlot(context, name);
                });
            }
            conditions = conditionsOf(r);
            targetsNow = function targetsNow() {
                return names.map(function(name) {
                    return goesToRsa ? rsaTargets(context, name) : [
                        name
                    ];
                });
            };
            etcd = etcdOf(variablesOf(r), zone);
            if (etcd) return [
                2,
                putThrough(context, conditions, etcd, names, targetsNow(), pair)
            ];
            return [
                2,
                withLocks(zone, flat(names.map(function(name) {
                    return slotsOf(settings, name);
                })), function() {
                    var targets = targetsNow();
                    var replaced = targets.map(function(own) {
                        return findFirst(context, own);
                    });
                    names.forEach(function(name, i) {
                        if (conditions.isConditional) conditions.check(name, fingerprintOfHeld(replaced[i]));
                    });
                    var records = installPair(context, zone, flat(targets), pair, "");
                    return {
                        isNew: replaced.indexOf(null) >= 0,
                        record: records[0]
                    };
                })
            ];
        });
    })();
}
function namesOf(pair) {
    var names = serverNamesOf(pair.leaf);
    if (names.length === 0) refuse("name-not-covered", "The certificate is for no DNS name.");
    return names;
}
function rsaTargets(context, name) {
    var first = findHeld(context, name);
    return first && holdsRsa(first.record) ? [
        rsaKey(name),
        name
    ] : [
        rsaKey(name)
    ];
}
function findFirst(context, slots) {
    return slots.reduce(function(held, slot) {
        return held || findHeld(context, slot);
    }, null);
}
function flat(lists) {
    return lists.reduce(function(all, list) {
        return all.concat(list);
    }, []);
}
// src/admin/router.ts
/** Answers all requests under `/certs/` in one location: list, read, put or delete, by the method. */
function admin(r) {
    return _async_to_generator(function() {
        return _ts_generator(this, function(_state) {
            switch(r.method){
                case "GET":
                    return [
                        2,
                        list_certs(r)
                    ];
                case "PUT":
                case "POST":
                    return [
                        2,
                        put_cert(r)
                    ];
                case "DELETE":
                    return [
                        2,
                        delete_cert(r)
                    ];
                default:
                    return [
                        2,
                        handle(r, [
                            "GET",
                            "PUT",
                            "POST",
                            "DELETE"
                        ], function() {
                            return void 0;
                        })
                    ];
            }
            return [
                2
            ];
        });
    })();
}

return {
    clear_cache: clear_cache,
    clear_stream: clear_stream,
    delete_cert: delete_cert,
    list_certs: list_certs,
    metrics: metrics,
    put_cert: put_cert,
    admin: admin
};
}
}
}
}
}
}
}
}
export { src_default as default };
