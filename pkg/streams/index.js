/**
 * `EventSource` and `WebSocket` that send the access token of a client. They have the interface of the platform's classes, so libraries
 * that take such a class can use them. Token and socket stay in the worker.
 */
import { eventSourceOf } from './event_source.js';
import { webSocketOf } from './web_socket.js';

/** @param {import('../index.d.ts').Client} client */
export const streams = (client) => ({ EventSource: eventSourceOf(client), WebSocket: webSocketOf(client) });
