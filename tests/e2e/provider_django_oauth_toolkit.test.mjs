/** Django OAuth Toolkit, a provider in Python. */
import assert from 'node:assert/strict';
import { call, signIn, storiesAt, told } from '../support/at_provider.mjs';

const storyAt = storiesAt('django-oauth-toolkit');

// It fails where it is asked to do without a question: with a page of its own, and not in a frame.
storyAt('POP-19 P1: django-oauth-toolkit: a silent sign-in times out, and what was there stays', {}, async (stage) => {
  await signIn(stage);
  assert.equal(await told(stage, "client.signIn({ mode: 'silent' })"), 'timeout');
  assert.equal(await call(stage), 200);
});
