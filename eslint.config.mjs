import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  // What the load test and the benchmark compare with is written for njs alone.
  { ignores: ['dist/', 'node_modules/', 'test/load/**/*.js'] },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: ['./src/tsconfig.json', './test/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      // An empty nginx variable counts as absent: see settings.ts.
      '@typescript-eslint/prefer-nullish-coalescing': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ForOfStatement, SpreadElement, RestElement, ClassDeclaration, ClassExpression',
          message: 'Lowering this to ES5 puts iterator or class helpers into the bundle.',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts', '**/*.mjs'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      // The type checker sees to it.
      'no-undef': 'off',
    },
  },
  {
    // Scripts for njs that are no part of the bundle, and not built.
    files: ['test/**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { ngx: 'readonly' } },
  },
);
