'use client';

import { createClient } from 'valet-key';
import { useEffect } from 'react';
import { run } from '../app.js';

export default function Page() {
  useEffect(() => void run(createClient), []);
  return <p role="status">One moment …</p>;
}
