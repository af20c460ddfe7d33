import { expect, test } from 'vitest';
import { run } from '../../setup/command.js';
import { findPromtool } from '../../setup/promtool.js';

// nginx/alerts.yml as it is copied.
const promtool = await findPromtool();
const pathOf = (file: string): string => new URL(`../../../${file}`, import.meta.url).pathname;

test.skipIf(promtool === undefined)('Prometheus takes the example alerts', async () => {
  expect(await run(promtool!, ['check', 'rules', pathOf('nginx/alerts.yml')])).toMatch(/SUCCESS/);
});

test.skipIf(promtool === undefined)('they fire when they should, and not before', async () => {
  const output = await run(promtool!, ['test', 'rules', pathOf('test/data/alerts.test.yml')]);
  expect(output).toMatch(/SUCCESS/);
});
