/**
 * QR codes, for a sign-in on another device. The build makes this file and the library that it uses one file, `wasm/qr.js`, which a
 * page loads when it asks for a code.
 */
import { generate } from 'lean-qr';
import { toSvgSource } from 'lean-qr/extras/svg';

/**
 * A QR code as an SVG document, black on white with the margin that scanners need.
 * @param {string} text
 */
export const svg = (text) =>
  toSvgSource(generate(text), { on: '#000', off: '#fff', padX: 4, padY: 4, xmlDeclaration: false });
