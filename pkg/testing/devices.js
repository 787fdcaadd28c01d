/** Sign-ins on another device (RFC 8628): the codes, and whether the user has finished. */

import { random } from './base64url.js';
import { choicePage, codePage, textPage } from './pages.js';
import { json, refusal } from './responses.js';

/** @typedef {import('./provider.js').Parts} Parts */
/** @typedef {{ userCode: string, clientId: string, scope: string, mark: number, sub?: string, isDeclined?: boolean }} Device */

/** Letters that are not mistaken for digits (RFC 8628 §6.1). */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';

/** How long the codes are valid, and the pause between two requests, in seconds. */
const SECONDS = { codes: 600, interval: 1 };

export class Devices {
  #parts;
  /** By device code. @type {Map<string, Device>} */
  #devices = new Map();

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** The device authorization endpoint. @param {URLSearchParams} form */
  begin(form) {
    const clientId = form.get('client_id');
    if (!clientId) return refusal('invalid_request', 'The request has no client_id.');
    const letters = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => LETTERS[byte % LETTERS.length]);
    const userCode = `${letters.slice(0, 4).join('')}-${letters.slice(4).join('')}`;
    const deviceCode = random();
    const { issuer, clock } = this.#parts;
    this.#devices.set(deviceCode, { userCode, clientId, scope: form.get('scope') ?? '', mark: clock.mark() });
    return json({
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: `${issuer}/device`,
      verification_uri_complete: `${issuer}/device?user_code=${userCode}`,
      expires_in: SECONDS.codes,
      interval: SECONDS.interval,
    });
  }

  /** The page that the user opens on the other device. @param {Request} request */
  async show(request) {
    const { users, settings } = this.#parts;
    const userCode = new URL(request.url).searchParams.get('user_code');
    if (!userCode) return codePage('Enter the code that the device shows.');
    const device = this.#find(userCode);
    if (!device) return codePage('This code is unknown or expired.');
    const isPost = request.method === 'POST';
    const chosen = isPost ? new URLSearchParams(await request.text()).get('user') : undefined;
    if (settings.interactive && !isPost) return choicePage(users.list, device.clientId, device.scope);
    if (chosen === '') {
      device.isDeclined = true;
      return textPage('Declined', 'The device is not signed in.');
    }
    const { name, sub } = chosen ? users.get(chosen) : users.next;
    device.sub = sub;
    return textPage('Signed in', `${name ?? sub} is signed in on the other device.`);
  }

  /** What the user does on that page. @param {string} userCode @param {string} [sub] without it, the user declines */
  finish(userCode, sub) {
    const device = this.#find(userCode);
    if (device && sub) device.sub = sub;
    else if (device) device.isDeclined = true;
    return Boolean(device);
  }

  /** The grant of a device code, once the user has finished. @param {string} deviceCode @returns {import('./token.js').Proved} */
  redeem(deviceCode) {
    const device = this.#devices.get(deviceCode);
    if (!device || this.#isOver(device)) return { error: 'expired_token', description: 'The codes have expired.' };
    if (device.isDeclined) return { error: 'access_denied', description: 'The user declined.' };
    const { sub, clientId, scope } = device;
    if (!sub) return { error: 'authorization_pending', description: 'The user has not finished.' };
    this.#devices.delete(deviceCode);
    return { grant: { sub, clientId, scope, sid: random(9), loginMark: this.#parts.clock.mark(), asked: {} } };
  }

  /** @param {string} userCode as a user types it */
  #find(userCode) {
    const letters = (/** @type {string} */ code) => code.toUpperCase().replace(/[^A-Z]/g, '');
    const found = [...this.#devices.values()].find((device) => letters(device.userCode) === letters(userCode));
    return found && !this.#isOver(found) ? found : undefined;
  }

  /** @param {Device} device */
  #isOver({ mark }) {
    return this.#parts.clock.age(mark) >= SECONDS.codes;
  }
}
