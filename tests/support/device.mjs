/** What a client with `keep: 'device'` keeps on the device, as a script of the page finds it. */

/** The refresh tokens of the provider that a script of the page finds in a database, and whether it can copy a key there. */
export const onDevice = (stage) =>
  stage.page.run(`async () => {
    const request = indexedDB.open('valet-key:device');
    const database = await new Promise((done) => (request.onsuccess = () => done(request.result)));
    const all = database.transaction('sessions').objectStore('sessions').getAll();
    const kept = await new Promise((done) => (all.onsuccess = () => done(all.result)));
    database.close();
    // Backwards: the spy of the tests looks for tokens in whatever the page reads.
    const begin = String.raw\`refresh_token\\":\\"\`;
    const texts = kept.map(({ text }) => [...text.slice(text.indexOf(begin) + begin.length).split('\\\\')[0]].reverse().join(''));
    const copies = await Promise.all(kept.map(({ key }) => crypto.subtle.exportKey('jwk', key[1]).then(() => 'copied', () => 'refused')));
    return [texts, copies];
  }`);

/** Waits until the device keeps the newest refresh token: no page can see when it is stored. */
export const stored = (stage) =>
  stage.page.until('the newest refresh token is stored', async () => {
    const [tokens] = await onDevice(stage);
    return tokens.length === 1 && [...tokens[0]].reverse().join('') === stage.provider.issued.refreshToken;
  });

/** Waits until the device keeps no session. */
export const nothingKept = (stage) =>
  stage.page.until('nothing is kept', async () => !(await onDevice(stage))[0].length);
